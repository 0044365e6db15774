//! Another tenant's endpoints and deliveries.

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{
    ListWebhookDeliveriesRequest, ListWebhookEndpointsRequest, UpdateWebhookEndpointRequest,
};
use rowhouse_tenancy::TenantId;
use rowhouse_testkit::ServiceName;
use rowhouse_tokens::Role;

use super::{Receiver, Webhooks, world};
use crate::world::{an_order, refusal};

const TABLES: [&str; 4] = ["webhook_endpoints", "order_events", "webhook_deliveries", "webhook_attempts"];

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_endpoints_are_isolated() {
    let (world, acme, of_acme) = world().await;
    let globex = world.tenant("globex").await;
    let of_globex = Webhooks::of(&world, globex.tenant, Role::Owner).await;
    let (acmes, globexs) = (Receiver::start().await, Receiver::start().await);
    let (acmes_id, _) = of_acme.register(&acmes).await;
    of_globex.register(&globexs).await;
    let order = acme.create(an_order()).await.unwrap();
    let delivery = of_acme.until_statuses(&[Delivered]).await.remove(0);

    assert_eq!(of_globex.deliveries().await, []);
    let filtered =
        ListWebhookDeliveriesRequest { webhook_endpoint_id: acmes_id.clone(), ..Default::default() };
    assert_eq!(of_globex.list(filtered).await.unwrap().webhook_deliveries, []);
    let endpoints = of_globex.endpoints(ListWebhookEndpointsRequest::default()).await.unwrap();
    assert!(endpoints.webhook_endpoints.iter().all(|endpoint| endpoint.id != acmes_id));
    let change = UpdateWebhookEndpointRequest {
        id: acmes_id.clone(),
        url: Some(globexs.url.clone()),
        ..Default::default()
    };
    assert_eq!(refusal(of_globex.update(change).await).code, error_code::WEBHOOK_ENDPOINT_NOT_FOUND);
    assert_eq!(refusal(of_globex.delete(&acmes_id).await).code, error_code::WEBHOOK_ENDPOINT_NOT_FOUND);
    assert_eq!(refusal(of_globex.redeliver(&delivery.id).await).code, error_code::WEBHOOK_DELIVERY_NOT_FOUND);

    globex.create(an_order()).await.unwrap();
    of_globex.until_statuses(&[Delivered]).await;
    assert_eq!((acmes.received().len(), globexs.received().len()), (1, 1));
    assert_eq!(acmes.received()[0].order().0, order.id);
    assert_ne!(globexs.received()[0].order().0, order.id);
    world.stop().await;
}

async fn enter(conn: &mut AsyncPgConnection, tenant: TenantId) {
    conn.batch_execute(&format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}')")).await.unwrap();
}

async fn count(conn: &mut AsyncPgConnection, query: &str) -> i64 {
    sql::<BigInt>(query).get_result(conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses() {
    let (world, acme, of_acme) = world().await;
    let globex = world.tenant("globex").await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = of_acme.register(&receiver).await;
    let order = acme.create(an_order()).await.unwrap();
    let delivery = of_acme.until_statuses(&[Delivered]).await.remove(0);
    let (event, acmes, globexs) = (&delivery.event_id, acme.tenant, globex.tenant);

    let conn = &mut world.database.connect_as(ServiceName::Orders).await;
    for table in TABLES {
        let all = format!("SELECT count(*) FROM orders.{table}");
        assert_eq!(count(conn, &all).await, 0, "without a tenant, {table} is empty");
        enter(conn, globexs).await;
        assert_eq!(count(conn, &all).await, 0, "{table}");
        assert_eq!(count(conn, &format!("{all} WHERE tenant_id = '{acmes}'")).await, 0, "{table}");
        conn.batch_execute("ROLLBACK").await.unwrap();
        enter(conn, acmes).await;
        assert_eq!(count(conn, &all).await, 1, "{table}");
        conn.batch_execute("ROLLBACK").await.unwrap();
    }
    let fresh = "00000000-0000-7000-8000-000000000003";
    for (statement, reason) in [
        (
            format!(
                "INSERT INTO orders.webhook_endpoints (tenant_id, id, url, events, sealed_secret)
                 VALUES ('{acmes}', '{fresh}', 'https://evil.example/', '{{*}}', '')"
            ),
            "row-level security",
        ),
        // Foreign keys are checked outside of row-level security: only the composite ones refuse these.
        (
            format!(
                "INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
                 VALUES ('{globexs}', '{fresh}', '{}', 9, 'x', 'x')",
                order.id
            ),
            "order_events_order_fkey",
        ),
        (
            format!(
                "INSERT INTO orders.webhook_attempts (tenant_id, id, delivery_id, attempted_at, duration_ms)
                 VALUES ('{globexs}', '{fresh}', '{}', now(), 1)",
                delivery.id
            ),
            "webhook_attempts_delivery_fkey",
        ),
        (
            format!(
                "INSERT INTO orders.webhook_deliveries
                     (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left)
                 VALUES ('{globexs}', '{fresh}', '{endpoint}', '{event}', '{}', 1, 1)",
                order.id
            ),
            "_fkey",
        ),
        (format!("UPDATE orders.webhook_endpoints SET tenant_id = '{globexs}'"), "permission denied"),
        ("UPDATE orders.order_events SET body = 'x'".to_owned(), "permission denied"),
        ("UPDATE orders.webhook_endpoints SET created_at = now()".to_owned(), "permission denied"),
        ("DELETE FROM orders.webhook_attempts".to_owned(), "permission denied"),
        ("TRUNCATE orders.webhook_deliveries CASCADE".to_owned(), "permission denied"),
    ] {
        enter(conn, globexs).await;
        let refused = conn.batch_execute(&statement).await.expect_err(&statement).to_string();
        assert!(
            refused.contains(reason),
            "{statement}\n  was refused with: {refused}\n  and not by: {reason}"
        );
        conn.batch_execute("ROLLBACK").await.unwrap();
    }
    for change in [
        "UPDATE orders.webhook_endpoints SET url = 'https://evil.example/'",
        "DELETE FROM orders.webhook_deliveries",
    ] {
        enter(conn, globexs).await;
        conn.batch_execute(change).await.unwrap();
        conn.batch_execute("COMMIT").await.unwrap();
    }
    assert_eq!(of_acme.deliveries().await.len(), 1);
    for role in [ServiceName::Auth, ServiceName::Onboarding] {
        let conn = &mut world.database.connect_as(role).await;
        for table in TABLES {
            let refused =
                conn.batch_execute(&format!("SELECT * FROM orders.{table}")).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{refused}");
        }
    }
    world.stop().await;
}

/// A stolen database does not reveal the secrets without the keys, which are not in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_not_in_the_database() {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    let (world, _, webhooks) = world().await;
    let created = webhooks.create("https://example.com/", &["*"]).await.unwrap();
    let key = BASE64_STANDARD.decode(created.secret.strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(key.len(), 32);
    let hex = key.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let rows = format!(
        "SELECT (SELECT count(*) FROM orders.webhook_endpoints e WHERE e::text LIKE '%{hex}%' OR e::text LIKE '%{0}%')
              + (SELECT count(*) FROM jobs.jobs j WHERE j::text LIKE '%{0}%')",
        created.secret.strip_prefix("whsec_").unwrap()
    );
    assert_eq!(count(&mut world.database.admin().await, &rows).await, 0);
    world.stop().await;
}
