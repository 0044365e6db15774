//! The implementation of the generated traits, which calls a function for each method.

mod get_tenant;
mod onboard_tenant;
mod tenant;

use std::sync::Arc;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_proto::onboarding::v1::onboarding_service_server::OnboardingService;
use rowhouse_proto::onboarding::v1::{
    GetTenantRequest, GetTenantResponse, OnboardTenantRequest, OnboardTenantResponse,
};
use rowhouse_tenancy::grpc::bearer_token;
use rowhouse_tenancy::{NotificationListener, TenantDb};
use rowhouse_tokens::{TokenIssuer, Verifier};
use tonic::Request;
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::auth_client::AuthClient;
use crate::proofs::Proofs;

/// The dependencies of the methods. Clones share them.
#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) auth: Arc<AuthClient>,
    pub(crate) proofs: Proofs,
    /// Receives a notification, without a tenant's id, when a set-up has ended in any instance. Callers that wait poll while
    /// notifications do not arrive.
    pub(crate) set_ups: Arc<NotificationListener>,
    /// Signs status tokens.
    pub(crate) issuer: TokenIssuer,
    /// Verifies the tokens that callers of public methods send.
    pub(crate) verifier: Arc<Verifier>,
    /// Counts the callers of methods that verify tokens themselves, together with all others.
    pub(crate) limiter: Arc<RateLimiter>,
}

#[tonic::async_trait]
impl OnboardingService for Rpc {
    async fn onboard_tenant(&self, request: Request<OnboardTenantRequest>) -> Reply<OnboardTenantResponse> {
        reply("onboarding.onboard_tenant", onboard_tenant::onboard_tenant(self, request).await)
    }

    async fn get_tenant(&self, request: Request<GetTenantRequest>) -> Reply<GetTenantResponse> {
        reply("onboarding.get_tenant", get_tenant::get_tenant(self, &request).await)
    }
}

/// Returns the token of a call to a public method, which no layer has verified.
fn bearer(metadata: &MetadataMap) -> Option<&str> {
    bearer_token(metadata.get_all("authorization").iter().map(MetadataValue::as_encoded_bytes))
}
