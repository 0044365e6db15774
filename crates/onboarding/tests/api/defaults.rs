//! The rows that orders stores for each tenant, and the callers that may create them.

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::TracedChannel;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::{ListOrdersRequest, SetUpTenantRequest, TearDownTenantRequest};
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use uuid::Uuid;

use crate::support::{PASSWORD, World, refused, request, with_token};

const KEPT: &str = "SELECT (SELECT count(*) FROM orders.number_series) || ' '
    || (SELECT count(*) FROM jobs.jobs WHERE kind = 'orders.purge' AND status = 'queued')";

fn orders(world: &World) -> OrderServiceClient<TracedChannel> {
    OrderServiceClient::new(world.orders.as_ref().unwrap().channel())
}

/// Returns a token that onboarding signs for a call.
fn service_token(world: &World, audience: &str, tenant: &str) -> String {
    let key = world.keys.signing_keys(issuer::ONBOARDING).join("current.pem");
    let key = SigningKey::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap();
    let tenant: Uuid = tenant.parse().unwrap();
    TokenIssuer::new(issuer::ONBOARDING, key).service_token(audience, tenant).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_onboarding_lays_out_and_it_can_do_nothing_else() {
    let world = World::start().await;
    let acme = world.onboard(request("Acme", "ada@example.com")).await.unwrap().tenant.unwrap();
    let person = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    let service = service_token(&world, ServiceName::Orders.program(), &acme.id);
    let for_auth = service_token(&world, issuer::AUTH, &acme.id);
    for (token, expected) in [(&person, Code::PERMISSION_DENIED), (&for_auth, Code::TOKEN_INVALID)] {
        let answer = orders(&world).set_up_tenant(with_token(token, SetUpTenantRequest {})).await;
        assert_eq!(refused(answer), expected);
        let answer = orders(&world).tear_down_tenant(with_token(token, TearDownTenantRequest {})).await;
        assert_eq!(refused(answer), expected);
    }
    let list = ListOrdersRequest { page_size: 0, page_token: String::new(), status: 0 };
    assert_eq!(
        refused(orders(&world).list_orders(with_token(&service, list)).await),
        Code::PERMISSION_DENIED
    );

    for _ in 0..2 {
        orders(&world).set_up_tenant(with_token(&service, SetUpTenantRequest {})).await.unwrap();
        assert_eq!(world.value(KEPT).await, "1 1");
    }
    orders(&world).tear_down_tenant(with_token(&service, TearDownTenantRequest {})).await.unwrap();
    assert_eq!(world.value(KEPT).await, "1 1", "it is active");
    world.sql("UPDATE tenancy.tenants SET status = 'provisioning'").await;
    for _ in 0..2 {
        orders(&world).tear_down_tenant(with_token(&service, TearDownTenantRequest {})).await.unwrap();
        assert_eq!(world.value(KEPT).await, "0 0");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_old_requests_are_removed_again_and_again() {
    let world = World::start().await;
    let acme = world.onboard(request("Acme", "ada@example.com")).await.unwrap().tenant.unwrap();
    for _ in 0..2 {
        world
            .sql(&format!(
                "INSERT INTO orders.idempotency_keys (tenant_id, id, fingerprint, response, created_at)
                 SELECT '{}', 'key ' || n || ' ' || now(), decode(repeat('00', 32), 'hex'), '', now() - n * interval '1 minute'
                 FROM generate_series(1, 2500) AS n;
                 UPDATE jobs.jobs SET due_at = now() WHERE kind = 'orders.purge'",
                acme.id
            ))
            .await;
        let old = "SELECT count(*) FROM orders.idempotency_keys WHERE created_at < now() - interval '1 day 5 minutes'";
        world.until(old, "0").await;
        let queued = "SELECT string_agg(status, ',') FROM jobs.jobs WHERE kind = 'orders.purge'";
        world.until(queued, "queued").await;
    }
    let young = "SELECT count(*) FROM orders.idempotency_keys WHERE created_at > now() - interval '23 hours'";
    assert_eq!(world.value(young).await, (2 * 1379).to_string());
    world.stop().await;
}
