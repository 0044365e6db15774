//! The generated trait, one line a method.

mod onboard_tenant;

use std::sync::Arc;

use rowhouse_chassis::client::TrustedProxies;
use rowhouse_proto::onboarding::v1::onboarding_service_server::OnboardingService;
use rowhouse_proto::onboarding::v1::{OnboardTenantRequest, OnboardTenantResponse};
use rowhouse_tenancy::TenantDb;
use rowhouse_tokens::Verifier;
use tonic::{Request, Response, Status};

use crate::auth_client::AuthClient;
use crate::proofs::Proofs;

/// What the methods work with. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) auth: Arc<AuthClient>,
    pub(crate) proofs: Proofs,
    /// Believes the access token that a caller may send, though the method is public.
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) proxies: Arc<TrustedProxies>,
}

#[tonic::async_trait]
impl OnboardingService for Rpc {
    async fn onboard_tenant(
        &self,
        request: Request<OnboardTenantRequest>,
    ) -> Result<Response<OnboardTenantResponse>, Status> {
        let outcome = onboard_tenant::onboard_tenant(self, request).await;
        outcome.map(Response::new).map_err(|error| error.into_status("onboarding.onboard_tenant"))
    }
}
