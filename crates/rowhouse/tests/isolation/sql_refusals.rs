//! In SQL: each way into another tenant, and the constraint or policy that refuses it.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::ServiceName;

use crate::seed::{ACME, GLOBEX, database};
use crate::sql::enter;

const OWN: &str = "00000000-0000-7000-8000-000000000001";
const FOREIGN: &str = "00000000-0000-7000-8000-000000000002";
const FRESH: &str = "00000000-0000-7000-8000-000000000003";

/// Each statement is refused with the expected message.
async fn refused(statements: Vec<(ServiceName, String, &str)>) {
    let database = database().await;
    for (role, statement, reason) in statements {
        let conn = &mut database.connect_as(role).await;
        enter(conn, ACME).await;
        let refusal = conn.batch_execute(&statement).await.expect_err(&statement).to_string();
        assert!(
            refusal.contains(reason),
            "{role:?}: {statement}\n  was refused with: {refusal}\n  and not by: {reason}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_identities() {
    let line = |tenant: &str, order: &str| {
        format!(
            "INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor)
             VALUES ('{tenant}', '{FRESH}', '{order}', 2, 'chair', 1, 100)"
        )
    };
    let order = |tenant: &str| {
        format!(
            "INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
             VALUES ('{tenant}', '{FRESH}', 9, 'Mallory', 'EUR', 1)"
        )
    };
    refused(vec![
        (ServiceName::Orders, order(GLOBEX), "row-level security"),
        (ServiceName::Orders, line(GLOBEX, FOREIGN), "row-level security"),
        // Foreign keys are checked outside of row-level security: only the composite one refuses this.
        (ServiceName::Orders, line(ACME, FOREIGN), "order_lines_order_fkey"),
        (ServiceName::Orders, format!("SELECT tenancy.set_tenant_context('{GLOBEX}')"), "belongs to another tenant"),
        (ServiceName::Orders, "SELECT * FROM auth.identities".to_owned(), "permission denied"),
        (ServiceName::Orders, "SELECT * FROM auth.memberships".to_owned(), "permission denied"),
        (ServiceName::Orders, "TRUNCATE orders.orders".to_owned(), "permission denied"),
        (ServiceName::Orders, format!("DELETE FROM orders.orders WHERE id = '{OWN}'"), "permission denied"),
        (ServiceName::Orders, format!("UPDATE orders.orders SET tenant_id = '{GLOBEX}'"), "permission denied"),
        (ServiceName::Orders, "ALTER TABLE orders.orders DISABLE ROW LEVEL SECURITY".to_owned(), "must be owner"),
        (ServiceName::Orders, "DROP POLICY tenant_isolation ON orders.orders".to_owned(), "must be owner"),
        (ServiceName::Orders, "SET ROLE rowhouse_owner".to_owned(), "permission denied"),
        (ServiceName::Orders, "SET ROLE rowhouse_definer".to_owned(), "permission denied"),
        (ServiceName::Orders, "SET row_security = off; SELECT * FROM orders.orders".to_owned(), "row-level security"),
        (ServiceName::Orders, "CREATE TABLE orders.copy AS SELECT * FROM orders.orders".to_owned(), "permission denied"),
        (ServiceName::Orders, "CREATE TEMPORARY TABLE copy (id int)".to_owned(), "permission denied"),
        (ServiceName::Orders, "CREATE TABLE public.copy (id int)".to_owned(), "permission denied"),
        (ServiceName::Orders, format!("SELECT auth.memberships_of('{FOREIGN}')"), "permission denied"),
        (ServiceName::Orders, format!("SELECT tenancy.create_tenant('{FRESH}', 'mallory', 'M')"), "permission denied"),
        (ServiceName::Orders, format!("SELECT tenancy.enter_new_tenant('{FRESH}')"), "permission denied"),
        (ServiceName::Onboarding, format!("SELECT tenancy.enter_new_tenant('{FRESH}')"), "belongs to another tenant"),
        (ServiceName::Auth, "SELECT * FROM auth.tenants_of_users".to_owned(), "permission denied"),
        (ServiceName::Auth, "SELECT * FROM orders.orders".to_owned(), "permission denied"),
        (ServiceName::Auth, format!("UPDATE auth.audit_log SET outcome = 'denied' WHERE id = '{OWN}'"), "permission denied"),
        (ServiceName::Auth, format!("DELETE FROM auth.audit_log WHERE id = '{OWN}'"), "permission denied"),
        (ServiceName::Auth, "TRUNCATE auth.audit_log".to_owned(), "permission denied"),
        (ServiceName::Auth, format!("INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome) VALUES ('{GLOBEX}', '{FRESH}', 'system', 'x', 'success')"), "row-level security"),
        (ServiceName::Auth, format!("INSERT INTO tenancy.token_revocations (tenant_id, id, issued_until) VALUES ('{GLOBEX}', '{FRESH}', now())"), "row-level security"),
        (ServiceName::Auth, format!("UPDATE auth.identities SET disabled_at = NULL WHERE id = '{OWN}'"), "permission denied"),
        (ServiceName::Orders, format!("DELETE FROM tenancy.token_revocations WHERE id = '{OWN}'"), "permission denied"),
        (ServiceName::Orders, "SELECT * FROM auth.sessions".to_owned(), "permission denied"),
        (ServiceName::Orders, format!("SELECT auth.end_sessions_of('{FOREIGN}', 'disabled')"), "permission denied"),
        (ServiceName::Auth, "INSERT INTO tenancy.tenants (id, slug, name) VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 'x', 'x')".to_owned(), "permission denied"),
        (ServiceName::Onboarding, "SELECT * FROM onboarding.idempotency_keys".to_owned(), "permission denied"),
        (ServiceName::Onboarding, "SELECT * FROM auth.identities".to_owned(), "permission denied"),
        (ServiceName::Onboarding, format!("INSERT INTO tenancy.tenants (id, slug, name) VALUES ('{FRESH}', 'mallory', 'M')"), "row-level security"),
    ])
    .await;
}

/// Jobs and the queue of tenants.
#[tokio::test(flavor = "multi_thread")]
async fn jobs() {
    let job = |columns: &str, values: &str| {
        format!(
            "INSERT INTO jobs.jobs (tenant_id, id, kind, payload, max_attempts{columns})
             VALUES ('{ACME}', '{FRESH}', 'x', '{{}}', 1{values})"
        )
    };
    let mut statements = Vec::new();
    for &role in ServiceName::ALL {
        let denied = [
            "SELECT * FROM jobs.lanes".to_owned(),
            "UPDATE jobs.lanes SET ready = true".to_owned(),
            format!(
                "INSERT INTO jobs.lanes (queue, tenant_id, ready, due_at) VALUES ('x', '{GLOBEX}', true, now())"
            ),
            "DELETE FROM jobs.lanes".to_owned(),
            // A job for another service.
            job(", queue", ", 'rowhouse_auth'"),
            "UPDATE jobs.jobs SET queue = 'rowhouse_auth'".to_owned(),
            "UPDATE jobs.jobs SET payload = '{}'".to_owned(),
            "UPDATE jobs.jobs SET kind = 'x'".to_owned(),
            format!("UPDATE jobs.jobs SET tenant_id = '{GLOBEX}'"),
            "DELETE FROM jobs.jobs".to_owned(),
        ];
        statements.extend(denied.map(|statement| (role, statement, "permission denied")));
        statements.push((role, job("", "").replace(ACME, GLOBEX), "row-level security"));
    }
    refused(statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports() {
    let export = |tenant: &str| {
        format!(
            "INSERT INTO orders.exports (tenant_id, id, resource, format, job_id, created_by)
             VALUES ('{tenant}', '{FRESH}', 'orders', 'csv', '{OWN}', '{OWN}')"
        )
    };
    let chunk = |tenant: &str, export: &str| {
        format!(
            "INSERT INTO orders.export_chunks (tenant_id, id, export_id, position, data)
             VALUES ('{tenant}', '{FRESH}', '{export}', 1, 'x')"
        )
    };
    let mut statements = vec![
        (ServiceName::Orders, export(GLOBEX), "row-level security"),
        (ServiceName::Orders, chunk(GLOBEX, FOREIGN), "row-level security"),
        // Foreign keys are checked outside of row-level security: only the composite one refuses this.
        (ServiceName::Orders, chunk(ACME, FOREIGN), "export_chunks_export_fkey"),
        (
            ServiceName::Orders,
            format!("UPDATE orders.exports SET tenant_id = '{GLOBEX}'"),
            "permission denied",
        ),
        (
            ServiceName::Orders,
            "UPDATE orders.exports SET order_status = 'paid'".to_owned(),
            "permission denied",
        ),
        (
            ServiceName::Orders,
            format!("UPDATE orders.export_chunks SET export_id = '{FOREIGN}'"),
            "permission denied",
        ),
    ];
    for role in [ServiceName::Auth, ServiceName::Onboarding] {
        for table in ["exports", "export_chunks"] {
            statements.push((role, format!("SELECT * FROM orders.{table}"), "permission denied"));
        }
    }
    refused(statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks() {
    let endpoint = format!(
        "INSERT INTO orders.webhook_endpoints (tenant_id, id, url, events, sealed_secret)
         VALUES ('{GLOBEX}', '{FRESH}', 'https://mallory.example', '{{*}}', '')"
    );
    let event = |tenant: &str, order: &str| {
        format!(
            "INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
             VALUES ('{tenant}', '{FRESH}', '{order}', 2, 'order.created', '{{}}')"
        )
    };
    let delivery = |tenant: &str, endpoint: &str, event: &str| {
        format!(
            "INSERT INTO orders.webhook_deliveries
                (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left)
             VALUES ('{tenant}', '{FRESH}', '{endpoint}', '{event}', '{OWN}', 1, 1)"
        )
    };
    let attempt = |tenant: &str, delivery: &str| {
        format!(
            "INSERT INTO orders.webhook_attempts (tenant_id, id, delivery_id, attempted_at, duration_ms)
             VALUES ('{tenant}', '{FRESH}', '{delivery}', now(), 1)"
        )
    };
    let mut statements = vec![
        (ServiceName::Orders, endpoint, "row-level security"),
        (ServiceName::Orders, event(GLOBEX, FOREIGN), "row-level security"),
        (ServiceName::Orders, event(ACME, FOREIGN), "order_events_order_fkey"),
        (ServiceName::Orders, delivery(GLOBEX, FOREIGN, FOREIGN), "row-level security"),
        (ServiceName::Orders, delivery(ACME, FOREIGN, OWN), "webhook_deliveries_endpoint_fkey"),
        (ServiceName::Orders, delivery(ACME, OWN, FOREIGN), "webhook_deliveries_event_fkey"),
        (ServiceName::Orders, attempt(GLOBEX, FOREIGN), "row-level security"),
        (ServiceName::Orders, attempt(ACME, FOREIGN), "webhook_attempts_delivery_fkey"),
        (
            ServiceName::Orders,
            format!("UPDATE orders.webhook_deliveries SET webhook_endpoint_id = '{FOREIGN}'"),
            "permission denied",
        ),
        (
            ServiceName::Orders,
            "UPDATE orders.webhook_endpoints SET created_at = now()".to_owned(),
            "permission denied",
        ),
        (ServiceName::Orders, "UPDATE orders.order_events SET body = '{}'".to_owned(), "permission denied"),
        (
            ServiceName::Orders,
            "UPDATE orders.webhook_attempts SET http_status = 200".to_owned(),
            "permission denied",
        ),
    ];
    for role in [ServiceName::Auth, ServiceName::Onboarding] {
        for table in ["webhook_endpoints", "order_events", "webhook_deliveries", "webhook_attempts"] {
            statements.push((role, format!("SELECT * FROM orders.{table}"), "permission denied"));
        }
    }
    refused(statements).await;
}

/// Data of all tenants belongs to the operator, who is no service.
#[tokio::test(flavor = "multi_thread")]
async fn set_up_and_operation() {
    let set_up = format!(
        "INSERT INTO onboarding.onboardings (tenant_id, id, email, owner_id)
         VALUES ('{GLOBEX}', '{FRESH}', 'mallory@example.com', '{OWN}')"
    );
    let claim = format!("INSERT INTO auth.single_letters (tenant_id, id) VALUES ('{GLOBEX}', 'welcome')");
    let mut statements = vec![
        (ServiceName::Onboarding, set_up, "row-level security"),
        (ServiceName::Onboarding, "DELETE FROM onboarding.onboardings".to_owned(), "permission denied"),
        (
            ServiceName::Onboarding,
            format!("UPDATE onboarding.onboardings SET tenant_id = '{GLOBEX}'"),
            "permission denied",
        ),
        (ServiceName::Onboarding, "SELECT * FROM auth.single_letters".to_owned(), "permission denied"),
        (ServiceName::Auth, claim, "row-level security"),
        (ServiceName::Auth, "SELECT * FROM onboarding.onboardings".to_owned(), "permission denied"),
        (ServiceName::Auth, "SELECT onboarding.find_key('x')".to_owned(), "permission denied"),
        (ServiceName::Orders, "SELECT * FROM onboarding.onboardings".to_owned(), "permission denied"),
        (ServiceName::Orders, "SELECT onboarding.find_key('x')".to_owned(), "permission denied"),
        (ServiceName::Orders, "UPDATE tenancy.tenants SET status = 'active'".to_owned(), "permission denied"),
        (ServiceName::Auth, "UPDATE tenancy.tenants SET status = 'active'".to_owned(), "permission denied"),
    ];
    for &role in ServiceName::ALL {
        let denied = [
            "SELECT * FROM tenancy.tenant_ids",
            "SELECT tenancy.directory()",
            "SELECT * FROM tenancy.backfills",
            "SELECT tenancy.backfill_ledger('orders-priority')",
            "UPDATE tenancy.schema_compatibility SET oldest_supported = '20261123000001'",
            "SELECT * FROM public.__diesel_schema_migrations",
        ];
        statements.extend(denied.map(|statement| (role, statement.to_owned(), "permission denied")));
        let watch = format!("SELECT tenancy.transactions_in('{GLOBEX}')");
        statements.push((role, watch, "permission denied"));
    }
    refused(statements).await;
}
