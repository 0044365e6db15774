//! Expand, backfill, contract.

use diesel::result::DatabaseErrorKind;
use diesel::result::Error::DatabaseError;
use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::ServiceName;

use crate::program::{backfill, migrate, stdout};
use crate::world::{assert_complete, holds, id, left, number, old_orders};

const NOT_NULL: &str = "EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'orders.orders'::regclass
    AND attname = 'priority' AND attnotnull)";

#[tokio::test(flavor = "multi_thread")]
async fn the_column_is_demanded_when_every_order_has_a_priority() {
    let database = old_orders(30, 4).await;
    let mut admin = database.admin().await;
    assert_eq!(left(&mut admin).await, 120);
    assert!(!holds(&mut admin, NOT_NULL).await);

    // A program that does not know the column continues: it places an order, and changes an old one.
    let mut old = database.connect_as(ServiceName::Orders).await;
    let tenant = id(1);
    let work = format!(
        "BEGIN;
         SELECT tenancy.set_tenant_context('{tenant}');
         INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
         VALUES ('{tenant}', gen_random_uuid(), 5, 'Bob', 'EUR', 1);
         UPDATE orders.orders SET status = 'paid' WHERE tenant_id = '{tenant}' AND number IN (1, 5);
         COMMIT"
    );
    old.batch_execute(&work).await.unwrap();
    let written = format!("SELECT count(priority) FROM orders.orders WHERE tenant_id = '{tenant}'");
    assert_eq!(number(&mut admin, &written).await, 2, "the new one and the changed one");
    let another = admin.batch_execute("UPDATE orders.orders SET priority = 'urgent'").await;
    let refused = matches!(&another, Err(DatabaseError(DatabaseErrorKind::CheckViolation, _)));
    assert!(refused, "only the three are taken from the first day: {another:?}");

    // Half of the tenants are not enough.
    stdout(&backfill(&database, &["orders-priority", "--tenant", "tenant-1"]).await);
    let waiting = migrate(&database).await;
    assert!(waiting.contains("needs `rowhouse backfill orders-priority` first"), "{waiting}");
    assert!(!holds(&mut admin, NOT_NULL).await);

    let report = stdout(&backfill(&database, &["orders-priority"]).await);
    assert_eq!(
        report,
        "orders-priority: completed 29 tenants, changed 116 rows; completed before: 1 tenant\n"
    );
    // The old program had already set two of the first tenant's rows.
    let ledger = format!("expected = 3 AND changed = 3 FROM tenancy.backfills WHERE tenant_id = '{tenant}'");
    assert!(holds(&mut admin, &ledger).await);
    let migrated = migrate(&database).await;
    // And the migrations after it.
    assert!(
        migrated.starts_with("ran the migration 2026-11-23-000014_orders_priority_contract\n"),
        "{migrated}"
    );
    assert!(holds(&mut admin, NOT_NULL).await);
    for gone in [
        "NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'orders_priority_set')",
        "NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'set_priority')",
        "to_regproc('orders.set_priority') IS NULL",
        "(SELECT convalidated FROM pg_constraint WHERE conname = 'orders_priority_check')",
        "(SELECT oldest_supported >= '20261123000012' FROM tenancy.schema_compatibility)",
    ] {
        assert!(holds(&mut admin, gone).await, "{gone}");
    }
    // An earlier program still places orders.
    let work = work.replace("5, 'Bob'", "6, 'Bob'");
    old.batch_execute(&work).await.unwrap();
    assert_eq!(number(&mut admin, &written).await, 6);
}

/// A new database has no rows to change.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_orders_needs_no_backfill() {
    let database = crate::world::before_priorities(3, 0).await;
    let migrated = migrate(&database).await;
    assert!(
        migrated.contains("ran the migration 2026-11-23-000014_orders_priority_contract\n"),
        "{migrated}"
    );
    stdout(&backfill(&database, &["orders-priority"]).await);
    assert_complete(&mut database.admin().await).await;
}
