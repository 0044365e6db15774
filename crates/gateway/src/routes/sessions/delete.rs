//! Ending a session.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::private;
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::SessionNotFound]);

/// End a session
///
/// At once, its access tokens included. One's own; another member's takes the permission `sessions:manage` and a role
/// that is not below theirs.
#[utoipa::path(
    tag = "sessions",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-2b3c-7d4e-8f5a-6b7c8d9e0f1a"),
    ),
    responses((status = 204, description = "The session is over."), Problems),
    security(("bearer" = [])),
)]
#[delete("/v1/sessions/{id}")]
pub(crate) async fn delete_session(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DeleteSessionRequest { id });
    clients.answer(clients.sessions().delete_session(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
