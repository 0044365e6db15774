//! Tenants with a difference between counted and changed rows.

use diesel_async::SimpleAsyncConnection;
use rowhouse_operator::backfill::{Backfill, BackfillReport, Options, Runner, TenantFailure};
use rowhouse_testkit::{TestDatabase, until};

use crate::program::{backfill, stdout};
use crate::world::{assert_complete, holds, id, left, number, old_orders};

const NAME: &str = "orders-priority";

fn real() -> Backfill {
    Backfill::find(NAME).unwrap()
}

async fn run(database: &TestDatabase, backfill: Backfill, batch_size: u32) -> BackfillReport {
    let options = Options { batch_size, ..Options::default() };
    Runner::new(backfill, &database.admin_url(), None).with_options(options).run().await.unwrap()
}

/// Returns the slugs of failed tenants, with the expected and the changed number.
fn failures(report: &BackfillReport) -> Vec<(&str, i64, i64)> {
    let failures = report.failed.iter().map(|(target, failure)| match failure {
        TenantFailure::Difference { expected, changed } => (target.slug.as_str(), *expected, *changed),
        other => panic!("{}: {other}", target.slug),
    });
    failures.collect()
}

/// With forced row-level security, an UPDATE outside of its tenant succeeds on no row.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_forgets_its_tenant_fails() {
    let database = old_orders(20, 10).await;
    let mut admin = database.admin().await;
    let forgetful = format!(
        "CREATE FUNCTION orders.forgetful(tenant uuid, most bigint) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
         BEGIN
             IF tenant = '{}' THEN
                 PERFORM set_config('app.tenant_id', '', true);
             END IF;
             RETURN QUERY UPDATE orders.orders o SET priority = 'normal' WHERE o.tenant_id = tenant AND o.id IN (
                 SELECT b.id FROM orders.orders b WHERE b.tenant_id = tenant AND b.priority IS NULL LIMIT most
             ) RETURNING o.id;
         END $$;
         GRANT EXECUTE ON FUNCTION orders.forgetful(uuid, bigint) TO rowhouse_owner",
        id(5)
    );
    admin.batch_execute(&forgetful).await.unwrap();
    let batch = "SELECT f FROM orders.forgetful($1, $2) AS f";
    for _ in 0..2 {
        let report = run(&database, Backfill { batch, ..real() }, 4).await;
        assert_eq!(failures(&report), [("tenant-5", 10, 0)]);
        assert!(!report.is_complete());
    }
    assert_eq!(left(&mut admin).await, 10, "the others are done");

    let repeated = stdout(&backfill(&database, &[NAME]).await);
    assert_eq!(
        repeated,
        "orders-priority: completed 1 tenant, changed 10 rows; completed before: 19 tenants\n"
    );
    assert_complete(&mut admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_change_is_a_difference() {
    let database = old_orders(5, 10).await;
    let (mut writer, mut admin) = (database.admin().await, database.admin().await);
    let urgent = format!(
        "BEGIN; UPDATE orders.orders SET priority = 'high' WHERE tenant_id = '{}' AND number = 5",
        id(2)
    );
    writer.batch_execute(&urgent).await.unwrap();
    let (output, ()) = tokio::join!(backfill(&database, &[NAME, "--batch-size", "3"]), async {
        until(async || {
            holds(
                &mut admin,
                "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                     AND application_name = 'rowhouse' AND wait_event_type = 'Lock')",
            )
            .await
        })
        .await;
        writer.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    let named = format!("rowhouse: tenant-2 ({}): 10 rows were counted beforehand and 9 were changed", id(2));
    assert!(said.contains(&named), "{said}");
    let summary = String::from_utf8_lossy(&output.stdout);
    assert!(summary.starts_with("orders-priority: completed 4 tenants, changed 49 rows"), "{summary}");
    assert!(summary.ends_with("; not completed: 1 tenant\n"), "{summary}");

    stdout(&backfill(&database, &[NAME]).await);
    assert_eq!(left(&mut admin).await, 0);
    let urgent =
        format!("SELECT count(*) FROM orders.orders WHERE priority = 'high' AND tenant_id = '{}'", id(2));
    assert_eq!(number(&mut admin, &urgent).await, 1, "nobody overwrites what a person has decided");
    let ledger = "bool_and(completed_at IS NOT NULL AND expected = changed) FROM tenancy.backfills";
    assert!(holds(&mut admin, ledger).await);
}

/// It would continue forever.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_never_gets_done_fails() {
    let database = old_orders(2, 10).await;
    let batch = "UPDATE orders.orders o SET version = version + 1 WHERE o.tenant_id = $1 AND o.id IN (
        SELECT b.id FROM orders.orders b WHERE b.tenant_id = $1 ORDER BY b.number LIMIT $2
    )";
    let report = run(&database, Backfill { batch, ..real() }, 5).await;
    assert_eq!(failures(&report), [("tenant-1", 10, 15), ("tenant-2", 10, 15)]);
}

/// Row-level security isolates, not the predicate.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_a_predicate_stays_in_its_tenant() {
    let database = old_orders(5, 10).await;
    let mut admin = database.admin().await;
    let count = "SELECT count(*) FROM orders.orders WHERE priority IS NULL AND $1::uuid IS NOT NULL";
    let batch = "UPDATE orders.orders SET priority = 'normal'
        WHERE priority IS NULL AND $1::uuid IS NOT NULL AND $2::bigint > 0";
    let options = Options { tenants: vec!["tenant-1".to_owned()], ..Options::default() };
    let runner = Runner::new(Backfill { count, batch, ..real() }, &database.admin_url(), None);
    let report = runner.with_options(options).run().await.unwrap();
    assert_eq!((report.completed, report.changed_rows), (1, 10));
    assert_eq!(left(&mut admin).await, 40);
}
