//! The addresses, one file an operation.

mod api_keys;
mod audit_log;
mod auth;
mod docs;
mod exports;
mod fallback;
mod health;
mod id;
mod identity;
mod invitations;
mod jobs;
mod jwks;
mod me;
mod members;
mod mfa;
mod orders;
mod password;
mod sessions;
mod tenants;
mod webhook_deliveries;
mod webhook_endpoints;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use fallback::fallback;
pub(crate) use id::Id;

/// Every operation: what is registered here is in the OpenAPI document as well.
pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(tenants::onboard::onboard_tenant)
        .service(tenants::get::get_tenant)
        .service(auth::login::login)
        .service(auth::mfa::complete_mfa)
        .service(auth::refresh::refresh_session)
        .service(auth::switch::switch_tenant)
        .service(auth::logout::logout)
        .service(auth::token::issue_token)
        .service(auth::verify_email::verify_email)
        .service(auth::resend_verification::resend_email_verification)
        .service(password::change::change_password)
        .service(password::forgot::request_password_reset)
        .service(password::reset::reset_password)
        .service(mfa::create::create_totp)
        .service(mfa::confirm::confirm_totp)
        .service(mfa::delete::delete_totp)
        .service(me::get::get_me)
        .service(sessions::list::list_sessions)
        .service(sessions::delete::delete_session)
        .service(sessions::delete_others::delete_other_sessions)
        .service(members::list::list_members)
        .service(members::update::update_member)
        .service(members::delete::delete_member)
        .service(invitations::list::list_invitations)
        .service(invitations::create::create_invitation)
        .service(invitations::accept::accept_invitation)
        // Else another method of this address would be taken for one of the invitation "accept".
        .route("/v1/invitations/accept", web::to(fallback))
        .service(invitations::delete::delete_invitation)
        .service(invitations::resend::resend_invitation)
        .service(api_keys::list::list_api_keys)
        .service(api_keys::create::create_api_key)
        .service(api_keys::delete::delete_api_key)
        .service(audit_log::list::list_audit_log_entries)
        .service(orders::create::create_order)
        .service(orders::list::list_orders)
        .service(orders::get::get_order)
        .service(orders::update::update_order)
        .service(exports::create::create_export)
        .service(exports::get::get_export)
        .service(exports::file::download_export)
        .service(webhook_endpoints::list::list_webhook_endpoints)
        .service(webhook_endpoints::create::create_webhook_endpoint)
        .service(webhook_endpoints::update::update_webhook_endpoint)
        .service(webhook_endpoints::delete::delete_webhook_endpoint)
        .service(webhook_endpoints::rotate_secret::rotate_webhook_secret)
        .service(webhook_endpoints::test::send_test_webhook)
        .service(webhook_deliveries::list::list_webhook_deliveries)
        .service(webhook_deliveries::redeliver::redeliver_webhook_delivery)
        .service(jobs::list::list_jobs)
        .service(jobs::get::get_job)
        .service(jobs::cancel::cancel_job)
        .service(jwks::get::get_jwks)
        .service(health::alive::healthz)
        .service(health::ready::readyz)
        .service(docs::openapi::openapi)
        .service(docs::pages::docs)
        .service(docs::pages::docs_file);
}
