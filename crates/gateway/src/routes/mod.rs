//! The addresses, one file an operation.

mod auth;
mod docs;
mod fallback;
mod health;
mod jwks;
mod me;
mod orders;
mod tenants;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use fallback::fallback;

/// Every operation: what is registered here is in the OpenAPI document as well.
pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(tenants::onboard::onboard_tenant)
        .service(auth::login::login)
        .service(me::get::get_me)
        .service(orders::create::create_order)
        .service(orders::list::list_orders)
        .service(orders::get::get_order)
        .service(orders::update::update_order)
        .service(jwks::get::get_jwks)
        .service(health::alive::healthz)
        .service(health::ready::readyz)
        .service(docs::openapi::openapi)
        .service(docs::pages::docs)
        .service(docs::pages::docs_file);
}
