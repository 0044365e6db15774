//! The generated trait, one line a method.

mod onboard_tenant;

use std::sync::Arc;

use rowhouse_proto::onboarding::v1::onboarding_service_server::OnboardingService;
use rowhouse_proto::onboarding::v1::{OnboardTenantRequest, OnboardTenantResponse};
use rowhouse_tenancy::TenantDb;
use tonic::{Request, Response, Status};

use crate::auth_client::AuthClient;

/// What the methods work with. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) auth: Arc<AuthClient>,
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
