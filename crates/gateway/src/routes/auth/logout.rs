//! Logging out.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_proto::auth::v1;

use super::RefreshToken;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private};
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, BODY, GUESSING);

/// Log out
///
/// Ends the session of a refresh token at once, its access tokens included. The answer does not say whether there was
/// one.
#[utoipa::path(
    tag = "auth",
    request_body = RefreshToken,
    responses((status = 204, description = "There is no such session any more."), Problems),
)]
#[post("/v1/auth/logout")]
pub(crate) async fn logout(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(RefreshToken { refresh_token }): Body<RefreshToken>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::LogoutRequest { refresh_token });
    clients.answer(clients.auth().logout(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
