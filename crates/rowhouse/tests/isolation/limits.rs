//! Rate limits at each service, without the gateway.

use std::time::Instant;

use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::GetMeRequest;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::jobs::v1::ListJobsRequest;
use rowhouse_proto::jobs::v1::job_service_client::JobServiceClient;
use rowhouse_proto::onboarding::v1::GetTenantRequest;
use rowhouse_proto::onboarding::v1::onboarding_service_client::OnboardingServiceClient;
use rowhouse_proto::orders::v1::ListOrdersRequest;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_testkit::{ServiceName, Tenant, TestOptions, TestSystem};
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};

/// The burst of the services, which is twice the gateway's.
const BURST: u64 = 10;

fn of<T>(tenant: &Tenant, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = MetadataValue::try_from(format!("Bearer {}", tenant.token)).unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// One tenant is refused after its burst, and another is not affected.
async fn check(service: &str, tenants: [&Tenant; 2], mut call: impl AsyncFnMut(&Tenant) -> Option<Status>) {
    let [busy, quiet] = tenants;
    let began = Instant::now();
    let mut passed = 0;
    let refused = loop {
        match call(busy).await {
            Some(refused) if fault(&refused, ERROR_CODES).code == Code::RATE_LIMITED => break refused,
            _ => passed += 1,
        }
        assert!(passed <= BURST + 2 * (began.elapsed().as_secs() + 1), "{service}: {passed} passed");
    };
    assert!(passed >= BURST, "{service}: {passed} passed");
    assert!(fault(&refused, ERROR_CODES).retry_after.is_some(), "{service}");
    let other = call(quiet).await;
    assert!(other.is_none_or(|refused| fault(&refused, ERROR_CODES).code != Code::RATE_LIMITED), "{service}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_limits_a_tenant_without_the_gateway() {
    let [tenant, user, api_key] = ["1:5", "0", "0"].map(|limit| limit.parse().unwrap());
    let rate_limits = RateLimits { tenant, user, api_key };
    let system = TestSystem::start_with(TestOptions { rate_limits, ..TestOptions::default() }).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let tenants = [&acme, &globex];

    let client = OrderServiceClient::connect(system.endpoint(ServiceName::Orders).to_owned()).await.unwrap();
    let call = async |tenant: &Tenant| {
        client.clone().list_orders(of(tenant, ListOrdersRequest::default())).await.err()
    };
    check("orders", tenants, call).await;

    let client = AuthServiceClient::connect(system.endpoint(ServiceName::Auth).to_owned()).await.unwrap();
    let call = async |tenant: &Tenant| client.clone().get_me(of(tenant, GetMeRequest {})).await.err();
    check("auth", tenants, call).await;

    let client =
        OnboardingServiceClient::connect(system.endpoint(ServiceName::Onboarding).to_owned()).await.unwrap();
    let call = async |tenant: &Tenant| {
        let request = of(tenant, GetTenantRequest { id: tenant.id.clone() });
        client.clone().get_tenant(request).await.err()
    };
    // Onboarding verifies its callers' tokens itself.
    check("onboarding", tenants, call).await;

    // A service counts all of its methods together.
    let (others, more) = (system.onboard("Initech").await, system.onboard("Umbrella").await);
    let jobs = ServiceName::of_package("jobs.v1").unwrap();
    let client = JobServiceClient::connect(system.endpoint(jobs).to_owned()).await.unwrap();
    let call =
        async |tenant: &Tenant| client.clone().list_jobs(of(tenant, ListJobsRequest::default())).await.err();
    check("jobs", [&others, &more], call).await;
    system.shutdown().await;
}
