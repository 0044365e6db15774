//! The options of the command line.

use std::time::{Duration, Instant};

use rowhouse_testkit::TestDatabase;
use serde_json::Value;

use crate::program::{backfill, migrate, stderr, stdout};
use crate::world::{before_priorities, id, in_ledger, left, number, old_orders};

const NAME: &str = "orders-priority";

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_changes_nothing() {
    let database = old_orders(3, 7).await;
    let mut admin = database.admin().await;
    let counted = stdout(&backfill(&database, &[NAME, "--dry-run"]).await);
    let each: Vec<String> = (1..=3).map(|n| format!("tenant-{n} ({}): 7 rows\n", id(n))).collect();
    let sum = "orders-priority: 21 rows of 3 tenants to change; completed before: 0 tenants\n";
    assert_eq!(counted, each.concat() + sum);
    assert_eq!(left(&mut admin).await, 21);
    assert_eq!(number(&mut admin, "SELECT count(*) FROM tenancy.backfills").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn named_tenants_and_no_others() {
    let database = old_orders(12, 5).await;
    let mut admin = database.admin().await;
    // One is suspended, which excludes services but not operators.
    let named = backfill(&database, &[NAME, "--tenant", "tenant-3", "--tenant", &id(11)]).await;
    assert_eq!(
        stdout(&named),
        "orders-priority: completed 2 tenants, changed 10 rows; completed before: 0 tenants\n"
    );
    let of_them = format!(
        "SELECT count(*) FROM orders.orders WHERE priority = 'normal' AND tenant_id IN ('{}', '{}')",
        id(3),
        id(11)
    );
    assert_eq!(number(&mut admin, &of_them).await, 10);
    assert_eq!(left(&mut admin).await, 50);
    let listed = listed(&database).await;
    let (state, numbers) =
        (&listed["state"], [&listed["completed"], &listed["tenants"], &listed["changed_rows"]]);
    assert_eq!((state.as_str(), numbers.map(|number| number.as_i64().unwrap())), (Some("open"), [2, 12, 10]));

    let unknown = backfill(&database, &[NAME, "--tenant", "tenant-1", "--tenant", "tenant-99"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    let refused = stderr(&unknown);
    assert!(refused.contains("rowhouse: no tenant has the slug or id tenant-99: "), "{refused}");
    assert!(refused.contains("backfill.run is not recorded, since the schema is older"), "{refused}");
    assert_eq!(in_ledger(&mut admin).await, 10, "nothing is begun");
}

/// Returns the backfill as a list in JSON has it.
async fn listed(database: &TestDatabase) -> Value {
    let document = stdout(&backfill(database, &["--list", "--output", "json"]).await);
    let document: Value = serde_json::from_str(&document).unwrap();
    let found = document["items"].as_array().unwrap().iter().find(|backfill| backfill["name"] == NAME);
    found.unwrap_or_else(|| panic!("{document}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_has_nothing_to_do() {
    let database = TestDatabase::create().await;
    let shown = stdout(&backfill(&database, &["--list"]).await);
    assert!(shown.starts_with("NAME "), "{shown}");
    let states: Vec<_> = shown.lines().skip(1).map(|line| line.contains(" nothing to do ")).collect();
    assert_eq!(states, [true, true], "{shown}");

    let old = old_orders(2, 3).await;
    assert_eq!(listed(&old).await["state"], "open");
    stdout(&backfill(&old, &[NAME]).await);
    assert_eq!(listed(&old).await["state"], "completed");
    migrate(&old).await;
    assert_eq!(listed(&old).await["state"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_limited() {
    let database = old_orders(10, 10).await;
    let begun = Instant::now();
    stdout(&backfill(&database, &[NAME, "--rate", "50", "--concurrency", "1", "--batch-size", "5"]).await);
    // The last batch is not waited for.
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "{:?}", begun.elapsed());
    assert_eq!(left(&mut database.admin().await).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_backfills_invalid_options_and_an_old_schema_are_refused() {
    let database = before_priorities(2, 2).await;
    let unknown = backfill(&database, &["orders-colour"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        stderr(&unknown),
        "rowhouse: there is no backfill orders-colour; there are: orders-priority, email-addresses\n"
    );
    for arguments in [
        &[][..],
        &[NAME, "--batch-size", "0"],
        &[NAME, "--rate", "0"],
        &[NAME, "--concurrency", "0"],
        &[NAME, "--list"],
    ] {
        assert_eq!(backfill(&database, arguments).await.status.code(), Some(2), "{arguments:?}");
    }
    // The column does not exist yet.
    let early = backfill(&database, &[NAME]).await;
    assert_eq!(early.status.code(), Some(1));
    assert!(stderr(&early).contains("the schema is too old: run `rowhouse migrate`"), "{}", stderr(&early));
}
