//! Cancelling a job.

use rowhouse_chassis::access::context;
use rowhouse_jobs::cancel_job as cancel;
use rowhouse_proto::jobs::v1::{CancelJobRequest, CancelJobResponse};
use tonic::Request;

use super::job::to_proto;
use super::parse_id;
use crate::error::Error;
use crate::rpc::Rpc;

pub(super) async fn cancel_job(
    rpc: &Rpc,
    request: &Request<CancelJobRequest>,
) -> Result<CancelJobResponse, Error> {
    let cx = context(request)?;
    let id = parse_id(&request.get_ref().id)?;
    let job = rpc.db.tx(&cx, "jobs.cancel", async |tx| Ok::<_, Error>(cancel(tx, id).await?)).await?;
    Ok(CancelJobResponse { job: Some(to_proto(job)) })
}
