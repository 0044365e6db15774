//! Migrations: locks, interrupted indexes, concurrent runs, and compatibility of programs and schemas.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod at_once;
mod contract;
mod indexes;
mod interrupted;
mod leftovers;
mod locks;
mod program;
mod schema_version;
mod source;
mod status;
mod tree;
mod waiting;

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowhouse_testkit::TestDatabase;

/// The index of `orders.orders` that is built `CONCURRENTLY`, and its migration.
pub(crate) const INDEX: &str = "orders.orders_by_priority";
pub(crate) const INDEX_MIGRATION: &str = "2026-11-23-000013_orders_priority_index";

/// Returns whether an SQL condition holds.
pub(crate) async fn holds(conn: &mut AsyncPgConnection, condition: &str) -> bool {
    diesel::select(sql::<Bool>(condition)).get_result(conn).await.unwrap()
}

pub(crate) async fn text(conn: &mut AsyncPgConnection, expression: &str) -> String {
    diesel::select(sql::<Text>(expression)).get_result(conn).await.unwrap()
}

/// Returns the condition that an index exists and is valid.
pub(crate) fn is_valid(index: &str) -> String {
    format!("coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index}')), false)")
}

/// Returns the condition that an index exists and is invalid.
pub(crate) fn is_invalid(index: &str) -> String {
    format!(
        "coalesce((SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index}')), false)"
    )
}

/// Creates a migrated database without the index.
pub(crate) async fn without_the_index() -> TestDatabase {
    use diesel_async::SimpleAsyncConnection;
    let database = TestDatabase::create().await;
    let undo = format!(
        "DROP INDEX {INDEX};
         DELETE FROM public.__diesel_schema_migrations WHERE version = '20261123000013'"
    );
    database.admin().await.batch_execute(&undo).await.unwrap();
    database
}

/// Returns SQL that adds a tenant with orders of these customers.
pub(crate) fn orders_of(customers: &[&str]) -> String {
    let tenant = "'00000000-0000-7000-8000-000000000001'";
    let rows: Vec<String> = (1..)
        .zip(customers)
        .map(|(number, customer)| format!("({tenant}, gen_random_uuid(), {number}, '{customer}', 'EUR', 1)"))
        .collect();
    format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ({tenant}, 'acme', 'Acme', 'active');
         INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor) VALUES {}",
        rows.join(", ")
    )
}
