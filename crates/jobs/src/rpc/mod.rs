//! `JobService`, which shows and cancels a tenant's jobs of all services.
//!
//! Jobs of all services are in one table, so one service shows them all: the one that mounts [`JobRpc`]. Its role needs EXECUTE on
//! `jobs.cancel`, which a migration grants.

mod error;
mod job;
mod list_jobs;

use rowhouse_chassis::access::context;
use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::wire;
use rowhouse_proto::jobs::v1::job_service_server::{JobService, JobServiceServer};
use rowhouse_proto::jobs::v1::{
    CancelJobRequest, CancelJobResponse, GetJobRequest, GetJobResponse, ListJobsRequest, ListJobsResponse,
};
use rowhouse_tenancy::TenantDb;
use tonic::Request;

use crate::{JobId, cancel_job, find_job};
use error::Error;
use job::to_proto;

/// The gRPC service of jobs. A server that mounts it must verify tokens by a layer.
pub struct JobRpc {
    db: TenantDb,
}

impl JobRpc {
    /// Creates the service for the jobs in this database.
    #[must_use]
    pub const fn new(db: TenantDb) -> Self {
        Self { db }
    }

    /// Returns the service in the form that a server mounts.
    #[must_use]
    pub fn server(self) -> JobServiceServer<Self> {
        JobServiceServer::new(self)
    }

    async fn find(&self, request: &Request<GetJobRequest>) -> Result<GetJobResponse, Error> {
        let cx = context(request)?;
        let id = parse_id(&request.get_ref().id)?;
        let found = self.db.read(&cx, "jobs.get", async |tx| Ok::<_, Error>(find_job(tx, id).await?)).await?;
        Ok(GetJobResponse { job: Some(to_proto(found.ok_or(Error::NotFound)?)) })
    }

    async fn cancel(&self, request: &Request<CancelJobRequest>) -> Result<CancelJobResponse, Error> {
        let cx = context(request)?;
        let id = parse_id(&request.get_ref().id)?;
        let job =
            self.db.tx(&cx, "jobs.cancel", async |tx| Ok::<_, Error>(cancel_job(tx, id).await?)).await?;
        Ok(CancelJobResponse { job: Some(to_proto(job)) })
    }
}

#[tonic::async_trait]
impl JobService for JobRpc {
    async fn list_jobs(&self, request: Request<ListJobsRequest>) -> Reply<ListJobsResponse> {
        reply("jobs.list", self.list(&request).await)
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Reply<GetJobResponse> {
        reply("jobs.get", self.find(&request).await)
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Reply<CancelJobResponse> {
        reply("jobs.cancel", self.cancel(&request).await)
    }
}

/// Parses an id. An invalid one belongs to no job, like a missing one.
fn parse_id(text: &str) -> Result<JobId, Error> {
    wire::parse_id(text).map(JobId::from).or(Err(Error::NotFound))
}
