//! Logging in.

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
        Code::InvalidCredentials,
        Code::MfaRequired,
        Code::PermissionDenied,
        Code::TenantSuspended,
        Code::TenantRequired,
    ],
);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    #[schema(format = Email, max_length = 254, example = "ada@acme.example")]
    email: String,
    #[schema(format = Password, example = "correct horse battery")]
    password: String,
    /// The tenant's slug or id. Needed only by a person who belongs to several tenants.
    #[schema(example = "acme")]
    tenant: Option<String>,
    /// From an earlier answer to this person. Attempts from a device that they have logged in on are not held up by
    /// what strangers try.
    device_token: Option<String>,
}

/// Log in
///
/// Exchanges an e-mail address and a password for an access token that names one tenant. A person who
/// belongs to several tenants and names none is told which there are (`tenant_required`). One with a second factor
/// gets an `mfa_token` (`mfa_required`), with which `POST /v1/auth/mfa` goes on.
#[utoipa::path(
    tag = "auth",
    request_body = Login,
    responses((status = 200, description = "A session.", body = Tokens), Problems),
)]
#[post("/v1/auth/login")]
pub(crate) async fn login(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(Login { email, password, tenant, device_token }): Body<Login>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::LoginRequest { email, password, tenant, device_token });
    logged_in(clients.answer(clients.auth().login(request)).await?.tokens)
}
