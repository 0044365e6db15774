//! Requests that no operation takes.

use actix_web::{HttpRequest, HttpResponse, web};
use rowhouse_chassis::error::Code;

use crate::error::Problem;
use crate::openapi::ServedDocument;

/// The address is unknown, or it is known and the method is not.
pub(crate) async fn fallback(
    request: HttpRequest,
    api: web::Data<ServedDocument>,
) -> Result<HttpResponse, Problem> {
    Err(match api.allowed(request.path()) {
        Some(methods) => Problem::method_not_allowed(methods.to_owned()),
        None => Problem::new(
            Code::NOT_FOUND,
            "there is no such address: /openapi.json lists the existing ones, and /docs shows them",
        ),
    })
}
