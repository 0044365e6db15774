//! The policies alone, with every query's own tenant predicate removed on the wire.

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

/// The accesses to tenant tables, except those that remove a tenant that could not be set up.
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

/// Returns the tables with policies.
async fn tenant_tables_of(conn: &mut AsyncPgConnection) -> Vec<String> {
    let query =
        "SELECT c.oid::regclass::text AS line FROM pg_class c WHERE c.relkind = 'r' AND c.relrowsecurity";
    lines(conn, query).await
}

/// Returns every row of a tenant. Of jobs, which change by themselves, only the ids.
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

/// All actions of one tenant, and all maintenance after them, leave the other's rows unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_actions_affect_no_other() {
    let World { system, statements, _proxies } = World::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Caller::of(&system, &acme), Caller::of(&system, &globex));
    let mut admin = system.database().admin().await;
    let tables = tenant_tables_of(&mut admin).await;

    live(&system, &as_globex).await;
    age(&mut admin, &globex.id).await;
    let before = rows(&mut admin, &tables, &globex.id).await;
    live(&system, &as_acme).await;
    age(&mut admin, &acme.id).await;
    tidy(&mut admin, &as_acme).await;
    assert_eq!(rows(&mut admin, &tables, &globex.id).await, before);

    // Every kind of statement passed here without its predicate, and each has one to remove.
    let of_tenants = |statements: &Mutex<BTreeSet<String>>| -> BTreeSet<String> {
        let statements = statements.lock().unwrap();
        statements.iter().flat_map(|sql| uses(sql, &tables).collect::<Vec<_>>()).collect()
    };
    assert_eq!(of_tenants(&statements.cut), USES.map(ToOwned::to_owned).into());
    assert_eq!(of_tenants(&statements.whole), BTreeSet::new());
    system.shutdown().await;
}

/// Makes all of a tenant's rows old enough to be deleted.
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

/// Runs all maintenance of a tenant, and waits until nothing is left to be deleted.
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
