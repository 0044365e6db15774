//! Carrying a session on.

use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;

use super::{RefreshToken, Tokens, logged_in};
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::Body;
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(
    Problems: UPSTREAM, BODY, GUESSING,
    &[Code::RefreshTokenInvalid, Code::PermissionDenied, Code::TenantUnknown, Code::TenantSuspended],
);

/// Refresh a session
///
/// Exchanges a refresh token for an access token and the next refresh token. A refresh token is good once: one that
/// was exchanged before ends its session, save for a repeat within some seconds, which gets the same answer.
#[utoipa::path(
    tag = "auth",
    request_body = RefreshToken,
    responses((status = 200, description = "The session.", body = Tokens), Problems),
)]
#[post("/v1/auth/refresh")]
pub(crate) async fn refresh_session(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(RefreshToken { refresh_token }): Body<RefreshToken>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::RefreshSessionRequest { refresh_token });
    logged_in(clients.answer(clients.auth().refresh_session(request)).await?.tokens)
}
