//! Cancelling a job.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::jobs::v1;

use super::Job;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::JobNotFound, Code::JobNotCancellable]);

/// Cancel a job
///
/// One that is queued is not begun any more, one that is running stops at its next step: shortly after the answer.
/// Cancelling a cancelled job has no further effect.
#[utoipa::path(
    tag = "jobs",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 200, description = "The job, which is to end.", body = Job), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/jobs/{id}/cancel")]
pub(crate) async fn cancel_job(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::CancelJobRequest { id });
    let answer = clients.answer(clients.jobs().cancel_job(request)).await?;
    write(private(StatusCode::OK), &Job::try_from(answer.job.ok_or_else(lacking("job"))?)?)
}
