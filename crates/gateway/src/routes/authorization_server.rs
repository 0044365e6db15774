//! The metadata of the authorization server (RFC 8414).

use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, web};
use rowhouse_proto::PERMISSIONS;
use rowhouse_tokens::IssuerUrl;
use serde::Serialize;

use crate::query::NoQuery;

/// The metadata.
#[derive(Serialize)]
pub(crate) struct Metadata {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<&'static str>,
    /// Required, and no list in it may be empty (§3.2); there is no authorization endpoint, so no response has a type.
    response_types_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 2],
    service_documentation: String,
}

impl Metadata {
    pub(crate) fn of(issuer: &IssuerUrl) -> Self {
        Self {
            issuer: issuer.to_string(),
            token_endpoint: format!("{issuer}/v1/auth/token"),
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            scopes_supported: PERMISSIONS.iter().map(|permission| permission.as_str()).collect(),
            response_types_supported: ["none"],
            grant_types_supported: ["client_credentials"],
            token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
            service_documentation: format!("{issuer}/docs/"),
        }
    }
}

/// Returns the metadata of the authorization server, by which clients find the token endpoint and the keys.
///
/// Libraries find the rest by the issuer's URL.
pub(crate) async fn get_authorization_server(_: NoQuery, metadata: web::Data<Metadata>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .json(metadata.get_ref())
}
