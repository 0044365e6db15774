//! The route `/healthz`, which shows whether the gateway itself runs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::Health;
use crate::error::Problem;
use crate::json::{uncached_response, write};

/// Answers while the gateway runs
///
/// Does not depend on the services behind it.
pub(crate) async fn healthz() -> Result<HttpResponse, Problem> {
    write(uncached_response(StatusCode::OK), &Health { status: "ok" })
}
