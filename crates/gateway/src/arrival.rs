//! The deadline of a request, which begins with its arrival.

use std::time::Duration;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use rowhouse_chassis::grpc::Deadline;

use crate::error::Problem;

/// The time limit of a request, from the arrival of its head to the beginning of the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit(pub(crate) Duration);

/// Sets the deadline of a request. The time until its body has arrived counts, and so does the wait for a place.
pub(crate) async fn begin_deadline<B>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let Some(limit) = request.app_data::<web::Data<TimeLimit>>() else {
        tracing::error!("the application has no time limit");
        return Err(Problem::internal().into());
    };
    let deadline = Deadline::after(limit.0);
    request.extensions_mut().insert(deadline);
    next.call(request).await
}

/// Returns the deadline of a request.
pub(crate) fn deadline(request: &HttpRequest) -> Option<Deadline> {
    request.extensions().get().copied()
}
