//! The second step of a login.

use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Tokens, logged_in};
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::Body;
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(
    Problems: UPSTREAM, BODY, GUESSING,
    &[
        Code::MfaTokenInvalid,
        Code::MfaCodeInvalid,
        Code::InvalidCredentials,
        Code::PermissionDenied,
        Code::TenantSuspended,
        Code::TenantRequired,
    ],
);

/// What completes a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompleteMfa {
    /// From the problem `mfa_required`. Good for five minutes.
    mfa_token: String,
    /// Six digits, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// Complete a login with a second factor
///
/// Exchanges the `mfa_token` of a login and a code for what the login would have answered with.
#[utoipa::path(
    tag = "auth",
    request_body = CompleteMfa,
    responses((status = 200, description = "A session.", body = Tokens), Problems),
)]
#[post("/v1/auth/mfa")]
pub(crate) async fn complete_mfa(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(CompleteMfa { mfa_token, code }): Body<CompleteMfa>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::CompleteMfaRequest { mfa_token, code });
    logged_in(clients.answer(clients.auth().complete_mfa(request)).await?.tokens)
}
