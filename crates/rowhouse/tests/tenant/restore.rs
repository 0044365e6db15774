//! `deploy/restore-tenant`, which restores one tenant's rows from a backup.

use std::process::Output;

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;
use tokio::process::Command;

const ACME: &str = "00000000-0000-7000-8000-000000000001";
const GLOBEX: &str = "00000000-0000-7000-8000-000000000002";
/// The orders of a tenant, in one value.
const ORDERS: &str = "SELECT count(*) || ' ' || coalesce(md5(string_agg(o::text, ' ' ORDER BY o.id)), '')
    FROM orders.orders o WHERE o.tenant_id = ";

async fn two_tenants() -> TestDatabase {
    let database = TestDatabase::create().await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status)
         VALUES ('{ACME}', 'acme', 'Acme', 'active'), ('{GLOBEX}', 'globex', 'Globex', 'active');
         INSERT INTO orders.number_series (tenant_id, id, last_number)
         SELECT id, 'orders', 30 FROM tenancy.tenants;
         INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor, created_at, updated_at)
         SELECT t.id, md5(t.slug || n)::uuid, n, E'Ada\\t\\\\N\\n' || n, 'EUR', 3000, '2026-11-23Z', '2026-11-23Z'
         FROM tenancy.tenants t, generate_series(1, 30) n;
         INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor)
         SELECT o.tenant_id, md5(o.id::text)::uuid, o.id, 1, 'sku', 1, 3000 FROM orders.orders o"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/restore-tenant");

async fn restore(backup: &TestDatabase, live: &TestDatabase, rest: &[&str]) -> Output {
    let mut command = Command::new(SCRIPT);
    command.args(["--actor", "grace", "--reason", "a mistake's rows"]);
    command.args([backup.admin_url(), live.admin_url()]).args(rest).output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_rows_come_back_and_no_others_change() {
    let (backup, live) = (two_tenants().await, two_tenants().await);
    let orders =
        async |database: &TestDatabase, tenant: &str| database.value(&format!("{ORDERS}'{tenant}'")).await;
    let damage = format!(
        "DELETE FROM orders.order_lines WHERE tenant_id = '{ACME}';
         DELETE FROM orders.orders WHERE tenant_id = '{ACME}' AND number > 10;
         UPDATE orders.orders SET customer = 'nobody' WHERE number = 1"
    );
    live.admin().await.batch_execute(&damage).await.unwrap();
    let other = orders(&live, GLOBEX).await;

    let added = restore(&backup, &live, &["acme", "add", "orders"]).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let count = format!("SELECT count(*) FROM orders.orders WHERE tenant_id = '{ACME}'");
    assert_eq!(live.value(&count).await, "30");
    assert_ne!(orders(&live, ACME).await, orders(&backup, ACME).await, "what exists is left as it is");

    let replaced = restore(&backup, &live, &[ACME, "replace", "orders"]).await;
    assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
    assert_eq!(orders(&live, ACME).await, orders(&backup, ACME).await);
    assert_eq!(orders(&live, GLOBEX).await, other, "the other tenant's rows are untouched");
    let recorded = "SELECT string_agg(concat_ws(' | ', actor, action, target_type, target_id, target_name, reason, details), E'\\n'
        ORDER BY id) FROM tenancy.operator_actions";
    let of = |mode: &str| {
        let details = format!(r#"{{"mode": "{mode}", "schemas": ["orders"]}}"#);
        format!("grace | tenant.restore | tenant | {ACME} | acme | a mistake's rows | {details}")
    };
    assert_eq!(live.value(recorded).await, [of("add"), of("replace")].join("\n"));

    for (rest, reason) in [
        (["initech", "add", "orders"], "has no tenant initech"),
        (["acme", "merge", "orders"], "add or replace"),
    ] {
        let refused = restore(&backup, &live, &rest).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(reason), "{said}");
    }
    let mut silent = Command::new(SCRIPT);
    silent.args([backup.admin_url(), live.admin_url()]).args(["acme", "add", "orders"]);
    let refused = silent.output().await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("--reason"), "{said}");
    assert_eq!(live.value("SELECT count(*) FROM tenancy.operator_actions").await, "2");
}
