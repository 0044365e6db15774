//! The generated traits, one line a method.

mod bearer;
mod get_tenant;
mod jobs;
mod onboard_tenant;
mod tenant;

use std::sync::Arc;

use rowhouse_chassis::client::TrustedProxies;
use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_proto::onboarding::v1::onboarding_service_server::OnboardingService;
use rowhouse_proto::onboarding::v1::{
    GetTenantRequest, GetTenantResponse, OnboardTenantRequest, OnboardTenantResponse,
};
use rowhouse_tenancy::TenantDb;
use rowhouse_tokens::{TokenIssuer, Verifier};
use tonic::Request;

use crate::auth_client::AuthClient;
use crate::outcomes::Outcomes;
use crate::proofs::Proofs;

/// What the methods work with. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) auth: Arc<AuthClient>,
    pub(crate) proofs: Proofs,
    pub(crate) outcomes: Outcomes,
    /// Signs status tokens.
    pub(crate) issuer: TokenIssuer,
    /// Believes the tokens that callers of public methods send.
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) proxies: Arc<TrustedProxies>,
    /// Counts the callers of methods that verify tokens by themselves along with those of all others.
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
