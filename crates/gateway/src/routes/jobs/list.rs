//! Listing jobs.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};
use rowhouse_proto::jobs::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Job, JobStatus};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::{one_of, page_size, parameters};

problems!(Problems: UPSTREAM, CALLER);

/// Which jobs, and how many.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// At most this many jobs; 20 when absent, more than 100 means 100.
    #[param(value_type = Option<i32>, minimum = 1, example = 20)]
    page_size: i32,
    /// The `next_page_token` of the page before; the other parameters must be as they were.
    #[param(value_type = Option<String>)]
    page_token: String,
    /// Only jobs in this status.
    status: Option<JobStatus>,
}

impl FromRequest for Filter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

impl Filter {
    fn parse(query: &str) -> Result<Self, Problem> {
        let [size, token, status] = parameters(query, ["page_size", "page_token", "status"])?;
        Ok(Self {
            page_size: page_size(size)?,
            page_token: token.map(Into::into).unwrap_or_default(),
            status: one_of("status", status, "queued, running, succeeded, dead, cancelled")?,
        })
    }
}

/// A part of the jobs, newest first.
#[derive(Serialize, ToSchema)]
struct JobPage {
    jobs: Vec<Job>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List jobs
///
/// What the tenant's requests have set going in the background, in all services, newest first. Jobs that have ended are
/// kept for 30 days.
#[utoipa::path(
    tag = "jobs",
    params(TenantIdHeader, Filter),
    responses((status = 200, description = "A page of jobs.", body = JobPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/jobs")]
pub(crate) async fn list_jobs(
    caller: Caller,
    Filter { page_size, page_token, status }: Filter,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let status = status.map_or(v1::JobStatus::Unspecified, Into::into).into();
    let request = clients.of(&caller, v1::ListJobsRequest { page_size, page_token, status });
    let answer = clients.answer(clients.jobs().list_jobs(request)).await?;
    let jobs = answer.jobs.into_iter().map(Job::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &JobPage { jobs, next_page_token: answer.next_page_token })
}
