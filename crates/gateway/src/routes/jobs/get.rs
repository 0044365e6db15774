//! Looking at a job.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
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

problems!(Problems: UPSTREAM, CALLER, &[Code::JobNotFound]);

/// Get a job
#[utoipa::path(
    tag = "jobs",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 200, description = "The job.", body = Job), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/jobs/{id}")]
pub(crate) async fn get_job(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::GetJobRequest { id });
    let answer = clients.answer(clients.jobs().get_job(request)).await?;
    write(private(StatusCode::OK), &Job::try_from(answer.job.ok_or_else(lacking("job"))?)?)
}
