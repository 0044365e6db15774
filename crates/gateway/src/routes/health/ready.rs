//! The route `/readyz`, which shows whether requests can be answered.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::shutdown::Shutdown;

use super::Health;
use crate::error::Problem;
use crate::json::{uncached_response, write};
use crate::readiness::Readiness;

/// Answers 200 if requests can be answered
///
/// Asks every service. The result is a second old at most.
pub(crate) async fn readyz(
    readiness: web::Data<Readiness>,
    shutdown: web::Data<Shutdown>,
) -> Result<HttpResponse, Problem> {
    if shutdown.is_requested() {
        return Err(Problem::new(Code::UNAVAILABLE, "the gateway is stopping"));
    }
    match readiness.missing().await.as_slice() {
        [] => write(uncached_response(StatusCode::OK), &Health { status: "ready" }),
        missing => {
            let names = missing.iter().map(|service| service.as_str()).collect::<Vec<_>>().join(", ");
            Err(Problem::new(Code::UNAVAILABLE, format!("not ready: {names}")))
        }
    }
}
