//! Looking at one job.

use rowhouse_chassis::access::context;
use rowhouse_jobs::find_job;
use rowhouse_proto::jobs::v1::{GetJobRequest, GetJobResponse};
use tonic::Request;

use super::job::to_proto;
use super::parse_id;
use crate::error::Error;
use crate::rpc::Rpc;

pub(super) async fn get_job(rpc: &Rpc, request: &Request<GetJobRequest>) -> Result<GetJobResponse, Error> {
    let cx = context(request)?;
    let id = parse_id(&request.get_ref().id)?;
    let found = rpc.db.tx(&cx, "jobs.get", async |tx| Ok::<_, Error>(find_job(tx, id).await?)).await?;
    Ok(GetJobResponse { job: Some(to_proto(found.ok_or(Error::JobNotFound)?)) })
}
