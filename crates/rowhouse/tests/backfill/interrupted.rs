//! Runs that are killed in the middle, and repeated.

use rowhouse_testkit::{TestDatabase, until};

use crate::program::{backfill, start, stdout};
use crate::world::{assert_complete, holds, in_ledger, left, number, old_orders};

const NAME: &str = "orders-priority";

/// Starts a run, kills it as soon as the ledger has this many more rows, and waits until the server has noticed. The
/// ledger then has exactly the committed rows.
pub(crate) async fn kill_after(database: &TestDatabase, rows: i64, arguments: &[&str]) {
    let mut admin = database.admin().await;
    let goal = in_ledger(&mut admin).await + rows;
    let mut child = start(database, arguments);
    until(async || in_ledger(&mut admin).await >= goal).await;
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was not done yet");
    until(async || {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND xact_start IS NOT NULL AND pid <> pg_backend_pid()";
        number(&mut admin, open).await == 0
    })
    .await;
    let filled = number(&mut admin, "SELECT count(priority) FROM orders.orders").await;
    assert_eq!(in_ledger(&mut admin).await, filled);
    assert!(left(&mut admin).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_backfill_is_continued() {
    let database = old_orders(150, 10).await;
    let mut admin = database.admin().await;
    // Several batches per tenant, so that it is also killed within tenants.
    let slowly = [NAME, "--batch-size", "3", "--rate", "400"];
    for _ in 0..3 {
        kill_after(&database, 200, &slowly).await;
    }
    let left_over = left(&mut admin).await;
    let last = stdout(&backfill(&database, &[NAME, "--batch-size", "3"]).await);
    assert!(last.contains(&format!(", changed {left_over} rows; completed before: ")), "{last}");
    assert_complete(&mut admin).await;
    let before =
        holds(&mut admin, "bool_and(expected = 10 AND started_at < completed_at) FROM tenancy.backfills");
    assert!(before.await);

    let again = stdout(&backfill(&database, &[NAME]).await);
    let nothing = "orders-priority: completed 0 tenants, changed 0 rows; completed before: 150 tenants\n";
    assert_eq!(again, nothing);
}

/// They take turns and share the tenants.
#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_collide() {
    let database = old_orders(60, 10).await;
    let arguments = [NAME, "--batch-size", "3"];
    let (one, other) = tokio::join!(backfill(&database, &arguments), backfill(&database, &arguments));
    stdout(&one);
    stdout(&other);
    assert_complete(&mut database.admin().await).await;
}
