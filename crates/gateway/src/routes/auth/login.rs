//! Logging in.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private, write};
use crate::openapi::{BODY, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, BODY, &[Code::InvalidCredentials, Code::PermissionDenied, Code::TenantRequired]);

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
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
struct LoginAnswer {
    /// A signed JWT (RFC 9068, EdDSA).
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: String,
    /// Seconds until the token expires.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Log in
///
/// Exchanges an e-mail address and a password for an access token that names one tenant. A person who
/// belongs to several tenants and names none is told which there are (`tenant_required`).
#[utoipa::path(
    tag = "auth",
    request_body = Login,
    responses((status = 200, description = "An access token.", body = LoginAnswer), Problems),
)]
#[post("/v1/auth/login")]
pub(crate) async fn login(
    clients: web::Data<Clients>,
    _: NoQuery,
    Body(Login { email, password, tenant }): Body<Login>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(v1::LoginRequest { email, password, tenant });
    let v1::LoginResponse { access_token, token_type, expires_in } =
        clients.answer(clients.auth().login(request)).await?;
    write(private(StatusCode::OK), &LoginAnswer { access_token, token_type, expires_in })
}
