//! Clients that onboard.

use std::time::Duration;

use rowhouse_proto::onboarding::v1::onboarding_service_client::OnboardingServiceClient;
use rowhouse_proto::onboarding::v1::{
    AdminCredentials, OnboardTenantRequest, OnboardTenantResponse, TenantStatus,
};
use tokio::time::{Instant, sleep};
use tonic::transport::Endpoint;
use tonic::{Request, Status};

/// The time limit of a client.
const PATIENCE: Duration = Duration::from_secs(90);

fn request(number: usize, key: bool) -> OnboardTenantRequest {
    OnboardTenantRequest {
        name: format!("Company {number}"),
        slug: Some(format!("company-{number}")),
        admin: Some(AdminCredentials {
            email: format!("owner-{number}@example.com"),
            password: Some("correct horse battery".to_owned()),
        }),
        idempotency_key: key.then(|| format!("key-{number}")),
    }
}

async fn call(endpoint: &str, request: OnboardTenantRequest) -> Result<OnboardTenantResponse, Status> {
    let unreachable = |error: tonic::transport::Error| Status::unavailable(error.to_string());
    let channel = Endpoint::from_shared(endpoint.to_owned()).unwrap().connect().await.map_err(unreachable)?;
    let mut request = Request::new(request);
    request.set_timeout(Duration::from_secs(4));
    Ok(OnboardingServiceClient::new(channel).onboard_tenant(request).await?.into_inner())
}

/// Repeats the same request until the tenant is active. Every answer must be about the same tenant.
pub(crate) async fn onboard(endpoint: String, number: usize) {
    let began = Instant::now();
    let mut id = None;
    loop {
        match call(&endpoint, request(number, true)).await {
            Ok(answer) => {
                let tenant = answer.tenant.unwrap();
                assert_eq!(*id.get_or_insert_with(|| tenant.id.clone()), tenant.id, "company {number}");
                match tenant.status() {
                    TenantStatus::Active => return,
                    status => assert_eq!(status, TenantStatus::Provisioning, "company {number}"),
                }
            }
            Err(status) => {
                let hopeless =
                    matches!(status.code(), tonic::Code::InvalidArgument | tonic::Code::AlreadyExists);
                assert!(!hopeless, "company {number}: {status:?}");
                assert!(began.elapsed() < PATIENCE, "company {number} still hears {status:?}");
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends one request without a key, and ignores the answer.
pub(crate) async fn onboard_once(endpoint: String, number: usize) {
    drop(call(&endpoint, request(number, false)).await);
}
