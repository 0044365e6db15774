//! Exchanging an API key for an access token (RFC 6749 §4.4).

mod client;
mod request;

use actix_web::http::StatusCode;
use actix_web::http::header::PRAGMA;
use actix_web::{HttpRequest, HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::parameters;
use request::TokenRequest;

problems!(
    Problems: UPSTREAM, BODY, GUESSING,
    &[
        Code::InvalidClient,
        Code::InvalidScope,
        Code::UnsupportedGrantType,
        Code::PermissionDenied,
        Code::TenantUnknown,
        Code::TenantSuspended,
    ],
);

/// An access token for a program.
#[derive(Serialize, ToSchema)]
struct IssuedToken {
    /// A signed JWT (RFC 9068, EdDSA).
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: String,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: i64,
    /// The token's scopes, separated by blanks.
    #[schema(example = "orders:read orders:write")]
    scope: String,
}

/// Exchange an API key for an access token
///
/// The client credentials grant of OAuth 2.0 (RFC 6749, section 4.4). The API key goes into the body, or into
/// `Authorization: Basic`, but not into both. A form is what OAuth has; an object of JSON with the same fields is taken
/// as well. The problems have the members `error` and `error_description` of RFC 6749 too.
#[utoipa::path(
    tag = "auth",
    request_body(content(
        (TokenRequest = "application/x-www-form-urlencoded"),
        (TokenRequest = "application/json"),
    )),
    responses(
        (status = 200, description = "An access token.", body = IssuedToken, headers(
            ("Pragma" = String, description = "`no-cache`."),
        )),
        Problems,
    ),
    security((), ("basic" = [])),
)]
#[post("/v1/auth/token")]
pub(crate) async fn issue_token(
    request: HttpRequest,
    payload: web::Payload,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    exchange(&request, payload, &clients).await.map_err(Problem::at_token_endpoint)
}

async fn exchange(
    request: &HttpRequest,
    payload: web::Payload,
    clients: &Clients,
) -> Result<HttpResponse, Problem> {
    let origin = Origin::of(request)?;
    let [] = parameters(request.query_string(), [])?;
    let asked = TokenRequest::read(request.headers(), payload.into_inner()).await?;
    let (client_id, client_secret) =
        client::credentials(request.headers(), asked.client_id, asked.client_secret)?;
    let scope = asked.scope.unwrap_or_default();
    let message = v1::IssueTokenRequest { client_id, client_secret, scope };
    let request = clients.anonymous(&origin, message);
    let v1::IssueTokenResponse { access_token, token_type, expires_in, scope } =
        clients.answer(clients.auth().issue_token(request)).await?;
    let mut response = private(StatusCode::OK);
    response.insert_header((PRAGMA, "no-cache"));
    write(response, &IssuedToken { access_token, token_type, expires_in, scope })
}
