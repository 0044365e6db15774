//! The service of the caller's second factor.

mod attempt;
mod confirm_totp;
mod create_totp;
mod delete_totp;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_proto::auth::v1::mfa_service_server::MfaService;
use rowhouse_proto::auth::v1::{
    ConfirmTotpRequest, ConfirmTotpResponse, CreateTotpRequest, CreateTotpResponse, DeleteTotpRequest,
    DeleteTotpResponse,
};
use rowhouse_tenancy::{TenantContext, TenantTx};
use tonic::Request;

use super::Rpc;
use crate::domain::{EndReason, UserId};
use crate::error::Error;
use crate::store::identities::end_all_sessions;

pub(super) use attempt::CodeAttempt;

#[tonic::async_trait]
impl MfaService for Rpc {
    async fn create_totp(&self, request: Request<CreateTotpRequest>) -> Reply<CreateTotpResponse> {
        reply("auth.create_totp", create_totp::create_totp(self, &request).await)
    }

    async fn confirm_totp(&self, request: Request<ConfirmTotpRequest>) -> Reply<ConfirmTotpResponse> {
        reply("auth.confirm_totp", confirm_totp::confirm_totp(self, &request).await)
    }

    async fn delete_totp(&self, request: Request<DeleteTotpRequest>) -> Reply<DeleteTotpResponse> {
        reply("auth.delete_totp", delete_totp::delete_totp(self, &request).await)
    }
}

/// Ends the person's sessions in all of their tenants after a change of the second factor, except the current one:
/// the others were begun with factors that are not valid any more (OWASP ASVS 5, 7.4.3).
async fn end_other_sessions(tx: &mut TenantTx, cx: &TenantContext, user: UserId) -> Result<(), Error> {
    let own = cx.session().map(|session| session.id);
    end_all_sessions(tx, user, EndReason::FactorChanged, own).await?;
    Ok(())
}
