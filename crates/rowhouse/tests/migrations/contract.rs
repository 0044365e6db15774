//! The contract step, before and after the backfill.

use diesel_async::SimpleAsyncConnection;
use rowhouse_migrator::{MigrationState, Migrator, WaitingMigration};
use rowhouse_testkit::TestDatabase;

use crate::source::Source;
use crate::{holds, orders_of};

const EXPAND: (&str, &str) =
    ("2999-01-01-000001_orders_colour", "ALTER TABLE orders.orders ADD COLUMN colour text");
const BY_CHECK: (&str, &str) = (
    "2999-01-01-000002_orders_colour_contract",
    "ALTER TABLE orders.orders ADD CONSTRAINT orders_has_colour CHECK (colour IS NOT NULL) NOT VALID;
     ALTER TABLE orders.orders VALIDATE CONSTRAINT orders_has_colour;
     ALTER TABLE orders.orders ALTER COLUMN colour SET NOT NULL;
     ALTER TABLE orders.orders DROP CONSTRAINT orders_has_colour;
     UPDATE tenancy.schema_compatibility SET oldest_supported = '29990101000001'",
);
const BY_COLUMN: (&str, &str) = (BY_CHECK.0, "ALTER TABLE orders.orders ALTER COLUMN colour SET NOT NULL");
const AFTER: (&str, &str) = ("2999-01-01-000003_after", "CREATE TABLE orders.after (id integer)");

const UNCHANGED: &str = "NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'orders_has_colour')
    AND to_regclass('orders.after') IS NULL
    AND (SELECT oldest_supported < '2999' FROM tenancy.schema_compatibility)";

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_migration_waits_for_its_backfill() {
    for contract in [BY_CHECK, BY_COLUMN] {
        let database = TestDatabase::create().await;
        let mut admin = database.admin().await;
        admin.batch_execute(&orders_of(&["Alice"])).await.unwrap();
        let source = Source::of(&[EXPAND, contract, AFTER]);

        let first = source.run(&database, |migrator| migrator).await.unwrap();
        assert_eq!(first.applied, [EXPAND.0]);
        let Some(WaitingMigration { migration, backfill, reason }) = first.waiting else {
            panic!("{first:?}")
        };
        assert_eq!((migration.as_str(), backfill.as_str()), (contract.0, "orders-colour"));
        assert!(reason.contains("orders"), "{reason}");
        assert!(holds(&mut admin, UNCHANGED).await);

        let url = database.admin_url();
        let status = Migrator::new(&url, None).with_source(source.migrations()).status().await.unwrap();
        let ours: Vec<_> = status.migrations.iter().filter(|one| one.name.starts_with("2999")).collect();
        assert!(matches!(ours[0].state, MigrationState::Applied(_)), "{ours:?}");
        assert_eq!(ours[1].state, MigrationState::AfterBackfill("orders-colour".to_owned()));
        assert_eq!(ours[2].state, MigrationState::Pending);
        assert!(!status.is_current());

        let again = source.run(&database, |migrator| migrator).await.unwrap();
        assert_eq!((again.applied.len(), again.waiting.is_some()), (0, true));

        admin.batch_execute("UPDATE orders.orders SET colour = 'red'").await.unwrap();
        let last = source.run(&database, |migrator| migrator).await.unwrap();
        assert_eq!((last.applied, last.waiting), (vec![contract.0.to_owned(), AFTER.0.to_owned()], None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_migration_that_finds_such_rows_fails() {
    let database = TestDatabase::create().await;
    database.admin().await.batch_execute(&orders_of(&["Alice"])).await.unwrap();
    let source = Source::of(&[EXPAND, ("2999-01-01-000002_orders_colour_set", BY_COLUMN.1)]);
    let error = source.run(&database, |migrator| migrator).await.unwrap_err();
    assert!(error.to_string().contains("2999-01-01-000002_orders_colour_set: column"), "{error}");
}
