//! The age of what has waited for longest to be delivered, however often it was tried.

use diesel::dsl::sql;
use diesel::sql_types::Double;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::{ServiceName, TestDatabase};

const ACME: &str = "00000000-0000-7000-8000-000000000001";
const ORDER: &str = "00000000-0000-7000-8000-0000000000aa";
const HOUR: f64 = 3600.0;

async fn acme() -> TestDatabase {
    let database = TestDatabase::create().await;
    let tenant = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{ACME}', 'acme', 'Acme', 'active')"
    );
    database.admin().await.batch_execute(&tenant).await.unwrap();
    database
}

/// Returns the age that a service measures, in whole hours.
async fn hours(database: &TestDatabase, service: ServiceName, function: &str) -> f64 {
    let mut conn = database.connect_as(service).await;
    let age: f64 = sql::<Double>(&format!("SELECT {function}(1000)")).get_result(&mut conn).await.unwrap();
    (age / HOUR).floor()
}

/// Adds a job that was created some hours ago, failed since, and is due again later.
fn postponed(hours: u32, class: &str, status: &str) -> String {
    let (lease, finished) = match status {
        "running" => ("gen_random_uuid()", "NULL"),
        "queued" => ("NULL", "NULL"),
        _ => ("NULL", "now()"),
    };
    format!(
        "INSERT INTO jobs.jobs (tenant_id, id, queue, class, kind, payload, status, lease, finished_at, attempts, max_attempts, due_at, created_at)
         VALUES ('{ACME}', '00000000-0000-7000-8000-{:012}', 'rowhouse_auth', '{class}', 'letter.send', '{{}}', '{status}', {lease}, {finished},
             9, 10, now() + interval '5 minutes', now() - interval '{hours} hours 1 minute');",
        1000 - hours
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_that_fails_grows_older() {
    let database = acme().await;
    let mut admin = database.admin().await;
    let measured = async || hours(&database, ServiceName::Auth, "auth.oldest_email").await;
    for (rows, expected) in [
        (String::new(), 0.0),
        (postponed(9, "delivery", "dead") + &postponed(8, "maintenance", "queued"), 0.0),
        (postponed(1, "delivery", "queued") + &postponed(2, "delivery", "queued"), 2.0),
        (postponed(3, "delivery", "running"), 3.0),
        (
            "INSERT INTO jobs.global_jobs (id, queue, kind, payload, due_at, attempts, created_at)
             VALUES (gen_random_uuid(), 'rowhouse_auth', 'auth.task', 'x', now() + interval '5 minutes', 9, now() - interval '4 hours 1 minute')"
                .to_owned(),
            4.0,
        ),
    ] {
        admin.batch_execute(&rows).await.unwrap();
        let found = measured().await;
        assert!((found - expected).abs() < f64::EPSILON, "{found} and not {expected}: {rows}");
    }
    // The age of due jobs says nothing of them.
    let mut auth = database.connect_as(ServiceName::Auth).await;
    let due: f64 = sql::<Double>("SELECT count(*)::double precision FROM jobs.statistics(1000)")
        .get_result(&mut auth)
        .await
        .unwrap();
    assert!(due.abs() < f64::EPSILON, "{due} kinds are due");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_its_endpoint_does_not_take_grows_older() {
    let database = acme().await;
    let measured = async || hours(&database, ServiceName::Orders, "orders.oldest_delivery").await;
    assert!(measured().await.abs() < f64::EPSILON);
    let rows = format!(
        "INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
         VALUES ('{ACME}', '{ORDER}', 1, 'Ada', 'EUR', 1);
         INSERT INTO orders.webhook_endpoints (tenant_id, id, url, events, sealed_secret)
         VALUES ('{ACME}', '{ORDER}', 'https://example.com', '{{*}}', 'x');
         INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
         SELECT '{ACME}', format('00000000-0000-7000-8000-%s', lpad(v::text, 12, '0'))::uuid, '{ORDER}', v, 'order.created', '{{}}'
         FROM generate_series(1, 3) v;
         INSERT INTO orders.webhook_deliveries (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, state, attempts_left,
             next_attempt_at, finished_at, created_at)
         SELECT '{ACME}', e.id, '{ORDER}', e.id, '{ORDER}', e.order_version,
             CASE WHEN e.order_version = 1 THEN 'failed' ELSE 'pending' END, 1,
             CASE WHEN e.order_version > 1 THEN now() + interval '5 minutes' END, CASE WHEN e.order_version = 1 THEN now() END,
             now() - make_interval(hours => 8 - e.order_version::integer, mins => 1)
         FROM orders.order_events e;
         INSERT INTO jobs.jobs (tenant_id, id, queue, class, kind, payload, max_attempts, due_at)
         VALUES ('{ACME}', '{ORDER}', 'rowhouse_orders', 'delivery', 'webhook.send', '{{}}', 10, now() + interval '5 minutes')"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    let found = measured().await;
    assert!((found - 6.0).abs() < f64::EPSILON, "{found}");
}
