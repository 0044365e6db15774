//! One's own second factor.

mod attempt;
mod confirm_totp;
mod create_totp;
mod delete_totp;

use rowhouse_proto::auth::v1::mfa_service_server::MfaService;
use rowhouse_proto::auth::v1::{
    ConfirmTotpRequest, ConfirmTotpResponse, CreateTotpRequest, CreateTotpResponse, DeleteTotpRequest,
    DeleteTotpResponse,
};
use tonic::Request;

use super::{Reply, Rpc, reply};

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
