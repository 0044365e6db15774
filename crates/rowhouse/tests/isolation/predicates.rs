//! The policies alone, with every query's own tenant predicate cut out on the wire.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::time::{Instant, sleep};

use crate::caller::Caller;
use crate::life::live;
use crate::without_predicates::{World, uses};
use crate::{background, identity, rest};

const PATIENCE: Duration = Duration::from_secs(30);

/// What is done to tenants' tables, but for what is taken back of a tenant that could not be set up.
const USES: [&str; 39] = [
    "DELETE auth.api_keys",
    "DELETE auth.invitations",
    "DELETE auth.memberships",
    "DELETE orders.export_chunks",
    "DELETE orders.exports",
    "DELETE orders.idempotency_keys",
    "DELETE orders.order_events",
    "DELETE orders.webhook_deliveries",
    "DELETE orders.webhook_endpoints",
    "SELECT auth.api_keys",
    "SELECT auth.audit_log",
    "SELECT auth.idempotency_keys",
    "SELECT auth.invitations",
    "SELECT auth.memberships",
    "SELECT auth.sessions",
    "SELECT jobs.jobs",
    "SELECT onboarding.onboardings",
    "SELECT orders.export_chunks",
    "SELECT orders.exports",
    "SELECT orders.idempotency_keys",
    "SELECT orders.order_events",
    "SELECT orders.order_lines",
    "SELECT orders.orders",
    "SELECT orders.webhook_attempts",
    "SELECT orders.webhook_deliveries",
    "SELECT orders.webhook_endpoints",
    "SELECT tenancy.tenants",
    "SELECT tenancy.token_revocations",
    "UPDATE auth.api_keys",
    "UPDATE auth.invitations",
    "UPDATE auth.memberships",
    "UPDATE auth.sessions",
    "UPDATE jobs.jobs",
    "UPDATE onboarding.onboardings",
    "UPDATE orders.exports",
    "UPDATE orders.orders",
    "UPDATE orders.webhook_deliveries",
    "UPDATE orders.webhook_endpoints",
    "UPDATE tenancy.tenants",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_policies_hold_without_the_predicates() {
    let World { system, _proxies, .. } = World::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    rest::see_nothing_of_each_other(&system, &acme, &globex).await;
    identity::see_nothing_of_each_other(&system, &acme, &globex).await;
    background::see_nothing_of_each_other(&system, &acme, &globex).await;
    system.shutdown().await;
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

async fn lines(conn: &mut AsyncPgConnection, query: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(query).load(conn).await.unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

/// The tables that have walls.
async fn walled_tables(conn: &mut AsyncPgConnection) -> Vec<String> {
    let query =
        "SELECT c.oid::regclass::text AS line FROM pg_class c WHERE c.relkind = 'r' AND c.relrowsecurity";
    lines(conn, query).await
}

/// Every row of a tenant, as it is. What waits to be done goes on by itself, so of that only the ids count.
async fn rows(conn: &mut AsyncPgConnection, tables: &[String], tenant: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for table in tables {
        let (columns, tenant_id) = match table.as_str() {
            "jobs.jobs" | "orders.webhook_attempts" => continue,
            "orders.webhook_deliveries" => ("t.id", "t.tenant_id"),
            "tenancy.tenants" => ("t", "t.id"),
            _ => ("t", "t.tenant_id"),
        };
        let query = format!(
            "SELECT '{table} ' || {columns}::text AS line FROM {table} t WHERE {tenant_id} = '{tenant}' ORDER BY 1"
        );
        rows.extend(lines(conn, &query).await);
    }
    rows
}

/// All that one tenant does, and all that is tidied up after it, leaves the other's rows as they were.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_tenant_does_is_done_to_no_other() {
    let World { system, statements, _proxies } = World::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Caller::of(&system, &acme), Caller::of(&system, &globex));
    let mut admin = system.database().admin().await;
    let tables = walled_tables(&mut admin).await;

    live(&system, &as_globex).await;
    age(&mut admin, &globex.id).await;
    let before = rows(&mut admin, &tables, &globex.id).await;
    live(&system, &as_acme).await;
    age(&mut admin, &acme.id).await;
    tidy(&mut admin, &as_acme).await;
    assert_eq!(rows(&mut admin, &tables, &globex.id).await, before);

    // Every kind of statement went through here without its predicate, and each has one to cut out.
    let of_tenants = |statements: &Mutex<BTreeSet<String>>| -> BTreeSet<String> {
        let statements = statements.lock().unwrap();
        statements.iter().flat_map(|sql| uses(sql, &tables).collect::<Vec<_>>()).collect()
    };
    assert_eq!(of_tenants(&statements.cut), USES.map(ToOwned::to_owned).into());
    assert_eq!(of_tenants(&statements.whole), BTreeSet::new());
    system.shutdown().await;
}

/// Makes all of a tenant's rows ones to be removed.
async fn age(admin: &mut AsyncPgConnection, tenant: &str) {
    let statements = format!(
        "UPDATE orders.exports SET expires_at = now() WHERE tenant_id = '{tenant}';
         UPDATE orders.idempotency_keys SET created_at = now() - interval '2 days' WHERE tenant_id = '{tenant}';
         UPDATE orders.webhook_endpoints SET enabled = false, deleted_at = now() - interval '2 h'
         WHERE tenant_id = '{tenant}';
         UPDATE orders.order_events SET created_at = now() - interval '31 d' WHERE tenant_id = '{tenant}'"
    );
    admin.batch_execute(&statements).await.unwrap();
}

/// Has everything done that is to be done for a tenant some time, and waits until nothing is left to be removed.
async fn tidy(admin: &mut AsyncPgConnection, caller: &Caller<'_>) {
    let tenant = &caller.tenant.id;
    let due =
        format!("UPDATE jobs.jobs SET due_at = now() WHERE tenant_id = '{tenant}' AND status = 'queued'");
    admin.batch_execute(&due).await.unwrap();
    let left = format!(
        "SELECT id::text AS line FROM orders.exports WHERE tenant_id = '{tenant}'
         UNION ALL SELECT id FROM orders.idempotency_keys WHERE tenant_id = '{tenant}'
         UNION ALL SELECT id::text FROM orders.webhook_deliveries WHERE tenant_id = '{tenant}'
         UNION ALL SELECT id::text FROM orders.order_events WHERE tenant_id = '{tenant}'
         UNION ALL SELECT id::text FROM orders.webhook_endpoints WHERE tenant_id = '{tenant}'"
    );
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = lines(admin, &left).await;
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
