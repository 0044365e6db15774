//! A tenant's background work, whichever service does it.

mod cancel_job;
mod get_job;
mod job;
mod list_jobs;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::wire;
use rowhouse_jobs::JobId;
use rowhouse_proto::jobs::v1::job_service_server::JobService;
use rowhouse_proto::jobs::v1::{
    CancelJobRequest, CancelJobResponse, GetJobRequest, GetJobResponse, ListJobsRequest, ListJobsResponse,
};
use tonic::Request;

use super::Rpc;
use crate::error::Error;

#[tonic::async_trait]
impl JobService for Rpc {
    async fn list_jobs(&self, request: Request<ListJobsRequest>) -> Reply<ListJobsResponse> {
        reply("jobs.list", list_jobs::list_jobs(self, &request).await)
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Reply<GetJobResponse> {
        reply("jobs.get", get_job::get_job(self, &request).await)
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Reply<CancelJobResponse> {
        reply("jobs.cancel", cancel_job::cancel_job(self, &request).await)
    }
}

/// An id that a caller sent. One that cannot be read belongs to nothing, like one that is not there.
fn parse_id(text: &str) -> Result<JobId, Error> {
    wire::parse_id(text).map(JobId::from).or(Err(Error::JobNotFound))
}
