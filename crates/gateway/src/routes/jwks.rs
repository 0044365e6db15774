//! The method that returns the public keys.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use rowhouse_catalog::ServiceName;
use rowhouse_proto::auth::v1;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use serde::Serialize;

use crate::clients::{Clients, repeatable_if};
use crate::error::Problem;
use crate::json::write_as;
use crate::origin::Origin;

/// RFC 7517, section 8.5.1.
const JWK_SET: &str = "application/jwk-set+json";

/// A set of public keys (RFC 7517).
#[derive(Serialize)]
struct JsonWebKeySet {
    keys: Vec<JsonWebKey>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(Serialize)]
struct JsonWebKey {
    kty: String,
    crv: String,
    alg: String,
    #[serde(rename = "use")]
    purpose: String,
    /// The key id, which a token's header names.
    kid: String,
    /// The key, base64url without padding.
    x: String,
}

/// The keys that verify access tokens
///
/// Request them again when a token names an unknown key.
pub(crate) async fn get_jwks(origin: Origin, clients: Clients) -> Result<HttpResponse, Problem> {
    let request = repeatable_if(true, clients.anonymous(&origin, v1::GetJwksRequest {}));
    let answer =
        clients.answer(AuthServiceClient::new(clients.channel(ServiceName::Auth)).get_jwks(request)).await?;
    let key = |v1::JsonWebKey { kty, crv, alg, r#use, kid, x }| JsonWebKey {
        kty,
        crv,
        alg,
        purpose: r#use,
        kid,
        x,
    };
    let keys = answer.keys.into_iter().map(key).collect();
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    write_as(&mut response, (CONTENT_TYPE, JWK_SET), &JsonWebKeySet { keys })
}
