//! Logging in, staying logged in, and tokens.

pub(super) mod login;
pub(super) mod logout;
pub(super) mod mfa;
pub(super) mod refresh;
pub(super) mod resend_verification;
pub(super) mod switch;
pub(super) mod token;
pub(super) mod verify_email;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{lacking, private, write};

/// An access token, and what it takes to get the next one.
#[derive(Serialize, ToSchema)]
struct Tokens {
    /// A signed JWT (RFC 9068, EdDSA).
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: String,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: i64,
    /// Opaque; good for one exchange.
    refresh_token: String,
    /// After a login only: keep it on the device and send it with the next login. It opens nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    device_token: Option<String>,
}

/// What a session is carried on with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshToken {
    /// From the last login, refresh or switch.
    refresh_token: String,
}

/// The answer of every operation that begins a session or carries one on.
fn logged_in(tokens: Option<v1::Tokens>) -> Result<HttpResponse, Problem> {
    let v1::Tokens { access_token, token_type, expires_in, refresh_token, device_token } =
        tokens.ok_or_else(lacking("tokens"))?;
    let tokens = Tokens { access_token, token_type, expires_in, refresh_token, device_token };
    write(private(StatusCode::OK), &tokens)
}
