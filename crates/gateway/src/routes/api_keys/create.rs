//! Making an API key.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use prost_types::Timestamp;
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiKey;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, lacking, optional_time, private, write};
use crate::openapi::{BODY, CALLER, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::IdempotencyKeyReused, Code::LimitExceeded]);

/// What the key is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateApiKey {
    #[schema(min_length = 1, max_length = 100, example = "nightly export")]
    name: String,
    /// Permissions of the caller's role.
    #[schema(min_items = 1, example = json!(["orders:read"]))]
    scopes: Vec<String>,
    /// When absent, the key does not expire.
    #[serde(default, deserialize_with = "optional_time")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-11-23T00:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// A new API key, with its secret.
#[derive(Serialize, ToSchema)]
struct CreatedApiKey {
    #[serde(flatten)]
    #[schema(inline)]
    api_key: ApiKey,
    /// The same as `id`.
    #[schema(format = "uuid", example = "01990a5e-1f2a-7a40-9c1e-2d3f4a5b6c7d")]
    client_id: String,
    /// The key. It is shown only here.
    client_secret: String,
}

/// Make an API key
///
/// `POST /v1/auth/token` exchanges it for access tokens. It may do what its scopes say, and never more than the role of
/// the person who made it.
#[utoipa::path(
    tag = "api-keys",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = CreateApiKey,
    responses(
        (status = 201, description = "The API key. Its secret is shown only here.", body = CreatedApiKey, headers(
            ("Location" = String, description = "Where the API key can be deleted."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[post("/v1/api-keys")]
pub(crate) async fn create_api_key(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(CreateApiKey { name, scopes, expires_at }): Body<CreateApiKey>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::CreateApiKeyRequest { name, scopes, expires_at, idempotency_key });
    let v1::CreateApiKeyResponse { api_key, client_secret } =
        clients.answer(clients.api_keys().create_api_key(request)).await?;
    let api_key = ApiKey::try_from(api_key.ok_or_else(lacking("api_key"))?)?;
    let mut response = private(StatusCode::CREATED);
    response.insert_header((LOCATION, format!("/v1/api-keys/{}", api_key.id)));
    write(response, &CreatedApiKey { client_id: api_key.id.clone(), api_key, client_secret })
}
