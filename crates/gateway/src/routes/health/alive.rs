//! Being alive.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get};

use super::Health;
use crate::error::Problem;
use crate::json::{private, write};

/// Is the gateway alive
///
/// Says nothing of the services behind it.
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "The process is alive.", body = Health)),
)]
#[get("/healthz")]
pub(crate) async fn healthz() -> Result<HttpResponse, Problem> {
    write(private(StatusCode::OK), &Health { status: "ok" })
}
