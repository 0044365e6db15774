//! The route `/readyz`, which shows whether the gateway takes requests.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::shutdown::Shutdown;

use super::Health;
use crate::error::Problem;
use crate::json::{uncached_response, write};

/// Answers 200 if the gateway takes requests
///
/// Asks no service: without one of them, the calls that need it get a 503, and all others work. If the gateway itself counted as not
/// ready, there would be nobody to say so.
pub(crate) async fn readyz(shutdown: web::Data<Shutdown>) -> Result<HttpResponse, Problem> {
    if shutdown.is_requested() {
        return Err(Problem::new(Code::UNAVAILABLE, "the gateway is stopping"));
    }
    write(uncached_response(StatusCode::OK), &Health { status: "ready" })
}
