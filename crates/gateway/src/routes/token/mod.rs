//! Exchanging an API key for an access token (RFC 6749 §4.4).

mod client;
mod request;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, PRAGMA};
use actix_web::{HttpRequest, HttpResponse, web};
use rowhouse_catalog::ServiceName;
use rowhouse_proto::auth::v1;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use serde::Serialize;

use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{uncached_response, write};
use crate::origin::Origin;
use request::TokenRequest;

/// An access token for a program.
#[derive(Serialize)]
struct IssuedToken {
    /// A signed JWT (RFC 9068, EdDSA).
    access_token: String,
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// The token's scopes, separated by blanks.
    scope: String,
}

/// Exchange an API key for an access token
///
/// The client credentials grant of OAuth 2.0 (RFC 6749, section 4.4). The API key goes into the body, or into
/// `Authorization: Basic`, but not into both. A form is what OAuth has; an object of JSON with the same fields is taken
/// as well. Errors that RFC 6749 names, in section 5.2, have its form; others are problems.
pub(crate) async fn issue_token(
    request: HttpRequest,
    payload: web::Payload,
    clients: Clients,
) -> Result<HttpResponse, Problem> {
    let asked = TokenRequest::read(&request, payload.into_inner()).await;
    let asked = asked.map_err(|problem| problem.at_token_endpoint(false))?;
    // A client that tries the header is challenged there (RFC 6749 §5.2), whatever else it sends.
    let secret_in_body = asked.client_secret.is_some() && !request.headers().contains_key(AUTHORIZATION);
    let answered = exchange(&request, asked, &clients).await;
    answered.map_err(|problem| problem.at_token_endpoint(secret_in_body))
}

async fn exchange(
    request: &HttpRequest,
    asked: TokenRequest,
    clients: &Clients,
) -> Result<HttpResponse, Problem> {
    let origin = Origin::of(request)?;
    let (client_id, client_secret) =
        client::credentials(request.headers(), asked.client_id, asked.client_secret)?;
    let scope = asked.scope.unwrap_or_default();
    let message = v1::IssueTokenRequest { client_id, client_secret, scope };
    let request = clients.anonymous(&origin, message);
    let v1::IssueTokenResponse { access_token, token_type, expires_in, scope } = clients
        .answer(AuthServiceClient::new(clients.channel(ServiceName::Auth)).issue_token(request))
        .await?;
    let mut response = uncached_response(StatusCode::OK);
    response.insert_header((PRAGMA, "no-cache"));
    write(response, &IssuedToken { access_token, token_type, expires_in, scope })
}
