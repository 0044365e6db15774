//! Databases with tenants and orders from an earlier time.

use std::fs;
use std::path::Path;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::TestDatabase;

use crate::program;

/// The migration that adds the priority.
pub(crate) const EXPAND: &str = "20261123000012";
const BACKFILL: &str = "orders-priority";

/// Creates tenants, some of them suspended or in set-up, with orders without a priority; the schema is as `migrate`
/// leaves it before the backfill.
pub(crate) async fn old_orders(tenants: u32, orders: u32) -> TestDatabase {
    let database = before_priorities(tenants, orders).await;
    let migrated = program::migrate(&database).await;
    assert!(migrated.contains("waiting: 2026-11-23-000014_orders_priority_contract"), "{migrated}");
    database
}

/// Creates the same without the column.
pub(crate) async fn before_priorities(tenants: u32, orders: u32) -> TestDatabase {
    let database = TestDatabase::create().await;
    take_back(&database, EXPAND).await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status)
         SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'tenant-' || n, 'Tenant ' || n,
             CASE n % 10 WHEN 3 THEN 'suspended' WHEN 7 THEN 'provisioning' ELSE 'active' END
         FROM generate_series(1, {tenants}) n;
         INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
         SELECT t.id, gen_random_uuid(), n, 'Ada', 'EUR', 1
         FROM tenancy.tenants t CROSS JOIN generate_series(1, {orders}) n;
         ANALYZE orders.orders, tenancy.tenants"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

/// Reverts the migrations from this one on, the newest first.
pub(crate) async fn take_back(database: &TestDatabase, from: &str) {
    let mut admin = database.admin().await;
    admin.batch_execute("SET ROLE rowhouse_owner; SET search_path = public").await.unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut directories: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    for directory in directories.iter().rev() {
        let name = directory.file_name().unwrap().to_str().unwrap();
        let version = name.split('_').next().unwrap().replace('-', "");
        if version.as_str() >= from {
            let down = fs::read_to_string(directory.join("down.sql")).unwrap();
            admin.batch_execute(&down).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let forget = format!("DELETE FROM public.__diesel_schema_migrations WHERE version = '{version}'");
            admin.batch_execute(&forget).await.unwrap();
        }
    }
}

/// Returns the id of a tenant of [`old_orders`], counted from 1.
pub(crate) fn id(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

pub(crate) async fn number(conn: &mut AsyncPgConnection, query: &str) -> i64 {
    sql::<BigInt>(query).get_result(conn).await.unwrap()
}

pub(crate) async fn holds(conn: &mut AsyncPgConnection, condition: &str) -> bool {
    diesel::select(sql::<Bool>(condition)).get_result(conn).await.unwrap()
}

/// Returns how many orders have no priority.
pub(crate) async fn left(conn: &mut AsyncPgConnection) -> i64 {
    number(conn, "SELECT count(*) FROM orders.orders WHERE priority IS NULL").await
}

/// Returns how many rows were changed according to the ledger.
pub(crate) async fn in_ledger(conn: &mut AsyncPgConnection) -> i64 {
    number(
        conn,
        &format!("SELECT coalesce(sum(changed), 0)::bigint FROM tenancy.backfills WHERE id = '{BACKFILL}'"),
    )
    .await
}

/// Asserts that every row of every tenant has its priority, and that the ledger says so.
pub(crate) async fn assert_complete(conn: &mut AsyncPgConnection) {
    assert_eq!(left(conn).await, 0);
    assert!(
        holds(conn, "NOT EXISTS (SELECT FROM orders.orders WHERE priority IS DISTINCT FROM 'normal')").await
    );
    let unlike = format!(
        "SELECT count(*) FROM tenancy.tenants t
         LEFT JOIN tenancy.backfills b ON b.tenant_id = t.id AND b.id = '{BACKFILL}'
         WHERE b.completed_at IS NULL OR b.expected <> b.changed
             OR b.changed <> (SELECT count(*) FROM orders.orders o WHERE o.tenant_id = t.id)"
    );
    assert_eq!(number(conn, &unlike).await, 0, "tenants that the ledger is wrong about");
}
