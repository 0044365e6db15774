//! The addresses that are no plain RPC, one file an operation.

pub(crate) mod authorization_server;
mod docs;
mod export_file;
mod fallback;
mod health;
mod jwks;
mod token;

use actix_web::{HttpRequest, web};

pub(crate) use fallback::fallback;

/// Registers the operations of this module.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/v1/auth/token", web::post().to(token::issue_token))
        .route("/v1/exports/{id}/file", web::get().to(export_file::download_export))
        .route("/.well-known/jwks.json", web::get().to(jwks::get_jwks))
        .route(
            "/.well-known/oauth-authorization-server",
            web::get().to(authorization_server::get_authorization_server),
        )
        .route("/healthz", web::get().to(health::alive::healthz))
        .route("/readyz", web::get().to(health::ready::readyz))
        .route("/openapi.json", web::get().to(docs::openapi::openapi))
        .route("/docs", web::get().to(docs::pages::docs))
        .route("/docs/{file:.*}", web::get().to(docs::pages::docs_file));
}

/// Returns a parameter of the path as it was sent. The service checks whether it is an id.
pub(crate) fn path_value(request: &HttpRequest, name: &str) -> String {
    request.match_info().get(name).unwrap_or_default().to_owned()
}
