//! Reading a tenant during its set-up and later.

use std::time::Duration;

use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::set_deadline;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::GetMeRequest;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::jobs::v1::ListJobsRequest;
use rowhouse_proto::onboarding::v1::error_code;
use rowhouse_proto::onboarding::v1::{
    GetTenantRequest, OnboardTenantRequest, OnboardTenantResponse, TenantStatus,
};
use rowhouse_proto::orders::v1::ListOrdersRequest;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_testkit::until;
use tonic::Request;

use crate::support::{PASSWORD, With, World, refused, request, with_token};

const MISSING: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Onboards with little time to wait.
async fn onboard_shortly(world: &World, request: OnboardTenantRequest) -> OnboardTenantResponse {
    let mut request = Request::new(request);
    set_deadline(&mut request, Duration::from_secs(5));
    world.client().onboard_tenant(request).await.unwrap().into_inner()
}

/// Starts the services without orders, so that the set-up cannot end.
async fn without_orders() -> World {
    let mut world = World::alone().await;
    world.start_auth().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_set_up_is_followed_by_a_status_token() {
    let mut world = without_orders().await;
    let accepted = onboard_shortly(&world, request("Acme", "ada@example.com").key("k")).await;
    let (tenant, token) = (accepted.tenant.unwrap(), accepted.status_token);
    assert_eq!(tenant.status(), TenantStatus::Provisioning);
    // The set-up goes on after the answer, until it needs the service that is missing.
    until(async || {
        let seen = world.get_tenant(&token, &tenant.id).await.unwrap();
        seen.onboarding.unwrap().steps.iter().filter(|step| step.completed_at.is_some()).count() == 3
    })
    .await;
    assert_eq!(refused(world.login("ada@example.com", PASSWORD, None).await), Code::PERMISSION_DENIED);

    let seen = world.get_tenant(&token, &tenant.id).await.unwrap();
    assert_eq!(seen.status(), TenantStatus::Provisioning);
    let steps = seen.onboarding.unwrap();
    let done: Vec<_> = steps.steps.iter().map(|step| step.completed_at.is_some()).collect();
    assert_eq!(
        (done, steps.finished_at, steps.failure.as_str()),
        (vec![true, true, true, false, false], None, "")
    );

    world.start_orders().await;
    world.until("SELECT status FROM tenancy.tenants", "active").await;
    let seen = world.get_tenant(&token, &tenant.id).await.unwrap();
    assert_eq!((seen.status(), seen.onboarding.unwrap().finished_at.is_some()), (TenantStatus::Active, true));
    let again = world.onboard(request("Acme", "ada@example.com").key("k")).await.unwrap();
    assert_eq!((again.tenant.unwrap().id, again.admin), (tenant.id, accepted.admin));
    world.login("ada@example.com", PASSWORD, None).await.unwrap();
    assert_eq!(world.counts().await, "1 1 1 1");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_token_shows_one_tenant_and_opens_nothing() {
    let mut world = without_orders().await;
    let accepted = onboard_shortly(&world, request("Acme", "ada@example.com")).await;
    let other = onboard_shortly(&world, request("Globex", "bob@example.com")).await;
    let (id, token) = (accepted.tenant.unwrap().id, accepted.status_token);
    for id in [other.tenant.unwrap().id.as_str(), MISSING, "", "acme"] {
        assert_eq!(refused(world.get_tenant(&token, id).await), error_code::TENANT_NOT_FOUND, "{id}");
    }
    world.start_orders().await;
    world.until("SELECT count(*) FROM tenancy.tenants WHERE status = 'active'", "2").await;

    let onboarding = with_token(&token, request("Hooli", "ada@example.com"));
    assert_eq!(refused(world.client().onboard_tenant(onboarding).await), Code::TOKEN_INVALID);
    let jobs = with_token(&token, ListJobsRequest { page_size: 0, page_token: String::new(), status: 0 });
    assert_eq!(refused(world.jobs().list_jobs(jobs).await), Code::TOKEN_INVALID);
    let mut auth = AuthServiceClient::new(world.auth.as_ref().unwrap().channel());
    assert_eq!(refused(auth.get_me(with_token(&token, GetMeRequest {})).await), Code::TOKEN_INVALID);
    let mut orders = OrderServiceClient::new(world.orders.as_ref().unwrap().channel());
    let list = with_token(&token, ListOrdersRequest { page_size: 0, page_token: String::new(), status: 0 });
    assert_eq!(refused(orders.list_orders(list).await), Code::TOKEN_INVALID);

    let mut mismatched = with_token(&token, GetTenantRequest { id: id.clone() });
    mismatched.metadata_mut().insert("x-tenant-id", MISSING.parse().unwrap());
    assert_eq!(refused(world.client().get_tenant(mismatched).await), Code::TENANT_MISMATCH);
    world.sql("UPDATE tenancy.tenants SET status = 'suspended'").await;
    assert_eq!(refused(world.get_tenant(&token, &id).await), Code::TENANT_SUSPENDED);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_shows_its_own_tenant() {
    let world = World::start().await;
    let acme = world.onboard(request("Acme", "ada@example.com")).await.unwrap().tenant.unwrap();
    let globex = world.onboard(request("Globex", "bob@example.com")).await.unwrap().tenant.unwrap();
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    assert_eq!(world.get_tenant(&token, &acme.id).await.unwrap(), acme);
    let foreign = world.get_tenant(&token, &globex.id).await.unwrap_err();
    let missing = world.get_tenant(&token, MISSING).await.unwrap_err();
    assert_eq!(fault(&foreign, ERROR_CODES).code, error_code::TENANT_NOT_FOUND);
    assert_eq!((foreign.message(), foreign.details()), (missing.message(), missing.details()));
    let nobody = world.client().get_tenant(GetTenantRequest { id: acme.id.clone() }).await;
    assert_eq!(refused(nobody), Code::TOKEN_MISSING);
    assert_eq!(refused(world.get_tenant("not.a.token", &acme.id).await), Code::TOKEN_INVALID);
    world.sql("SELECT auth.end_sessions_of(id, 'disabled') FROM auth.identities").await;
    assert_eq!(refused(world.get_tenant(&token, &acme.id).await), Code::TOKEN_REVOKED);
    world.stop().await;
}

/// Everything is removed, and the name and the key are available.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_that_fails_leaves_its_reason_and_nothing_else() {
    for invited in [false, true] {
        let mut world = without_orders().await;
        if invited {
            world.start_orders().await;
            world.onboard(request("First", "ada@example.com").slug("first")).await.unwrap();
            world.orders.take().unwrap().stop().await;
        }
        let before = world.counts().await;
        let password = if invited { "wrong horse" } else { PASSWORD };
        let wanted = request("Acme", "ada@example.com").slug("acme").key("k").password(password);
        let accepted = onboard_shortly(&world, wanted.clone()).await;
        let (id, token) = (accepted.tenant.unwrap().id, accepted.status_token);

        world.sql(&format!("UPDATE jobs.jobs SET max_attempts = attempts + 1 WHERE kind = 'tenant.set_up' AND tenant_id = '{id}'")).await;
        let failing =
            format!("SELECT failure IS NOT NULL FROM onboarding.onboardings WHERE tenant_id = '{id}'");
        world.until(&failing, "true").await;
        assert_eq!(refused(world.onboard(wanted.clone()).await), Code::UNAVAILABLE);
        world.start_orders().await;
        world.until(&format!("SELECT status FROM tenancy.tenants WHERE id = '{id}'"), "failed").await;

        let seen = world.get_tenant(&token, &id).await.unwrap();
        assert_eq!(
            (seen.status(), seen.slug.as_str(), seen.name.as_str()),
            (TenantStatus::Failed, id.as_str(), "Acme")
        );
        let steps = seen.onboarding.unwrap();
        assert!(steps.finished_at.is_some() && steps.failure.contains("orders"), "{steps:?}");
        let left = format!(
            "SELECT concat_ws(' ', (SELECT count(*) FROM auth.memberships WHERE tenant_id = '{id}'),
                (SELECT count(*) FROM auth.invitations WHERE tenant_id = '{id}'),
                (SELECT count(*) FROM auth.single_letters WHERE tenant_id = '{id}'),
                (SELECT count(*) FROM orders.number_series WHERE tenant_id = '{id}'),
                (SELECT count(*) FROM jobs.jobs WHERE tenant_id = '{id}' AND status IN ('queued', 'running')),
                (SELECT count(member_proof) FROM onboarding.onboardings WHERE tenant_id = '{id}'),
                (SELECT count(*) FROM onboarding.idempotency_keys))"
        );
        assert_eq!(world.value(&left).await, "0 0 0 0 0 0 0");

        let answer = world.onboard(wanted).await.unwrap().tenant.unwrap();
        assert_eq!((answer.slug.as_str(), answer.status()), ("acme", TenantStatus::Active));
        assert_ne!(answer.id, id);
        let after = if invited { ("1 1 1 0", "3 1 1 1") } else { ("0 0 0 0", "2 1 1 1") };
        assert_eq!((before.as_str(), world.counts().await.as_str()), after);
        world.stop().await;
    }
}

/// Orders has created its part before the set-up fails.
#[tokio::test(flavor = "multi_thread")]
async fn defaults_are_taken_back_too() {
    let mut world = without_orders().await;
    let accepted = onboard_shortly(&world, request("Acme", "ada@example.com")).await;
    let id = accepted.tenant.unwrap().id;
    // The welcome email is the last call to auth.
    world.auth.take().unwrap().stop().await;
    world.start_orders().await;
    world.until("SELECT defaults_at IS NOT NULL FROM onboarding.onboardings", "true").await;
    assert_eq!(world.value("SELECT count(*) FROM orders.number_series").await, "1");
    world.sql("UPDATE jobs.jobs SET max_attempts = attempts + 1 WHERE kind = 'tenant.set_up'").await;
    world.until("SELECT failure IS NOT NULL FROM onboarding.onboardings", "true").await;
    world.start_auth().await;
    world.until("SELECT status FROM tenancy.tenants", "failed").await;
    assert_eq!(world.value("SELECT count(*) FROM orders.number_series").await, "0");
    let purge = "SELECT string_agg(status, ',') FROM jobs.jobs WHERE kind = 'orders.purge'";
    assert_eq!(world.value(purge).await, "cancelled");
    let seen = world.get_tenant(&accepted.status_token, &id).await.unwrap();
    assert!(seen.onboarding.unwrap().failure.contains("auth"));
    world.stop().await;
}
