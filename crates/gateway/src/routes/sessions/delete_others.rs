//! Ending all sessions but the one in use.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, web};
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, CALLER);

/// How much was ended.
#[derive(Serialize, ToSchema)]
struct EndedSessions {
    /// How many sessions, in all of the caller's tenants together.
    #[schema(minimum = 0, example = 2)]
    ended: i32,
}

/// End all other sessions
///
/// At once, and in all of the caller's tenants. The session that the access token belongs to goes on.
#[utoipa::path(
    tag = "sessions",
    params(TenantIdHeader),
    responses((status = 200, description = "The others are over.", body = EndedSessions), Problems),
    security(("bearer" = [])),
)]
#[delete("/v1/sessions")]
pub(crate) async fn delete_other_sessions(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DeleteOtherSessionsRequest {});
    let answer = clients.answer(clients.sessions().delete_other_sessions(request)).await?;
    write(private(StatusCode::OK), &EndedSessions { ended: answer.ended })
}
