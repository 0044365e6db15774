//! Ten thousand tenants.

use std::time::Instant;

use crate::interrupted::kill_after;
use crate::program::{backfill, migrate, stdout};
use crate::world::{assert_complete, left, old_orders};

/// For the figures: `cargo test --release -p rowhouse --test backfill -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn ten_thousand_tenants() {
    let database = old_orders(10_000, 10).await;
    let mut admin = database.admin().await;
    let begun = Instant::now();
    kill_after(&database, 50_000, &["orders-priority"]).await;
    eprintln!("killed after {:?}, with {} of 100000 rows left", begun.elapsed(), left(&mut admin).await);
    let begun = Instant::now();
    let report = stdout(&backfill(&database, &["orders-priority"]).await);
    eprintln!("the rest took {:?}: {report}", begun.elapsed());
    assert_complete(&mut admin).await;
    let begun = Instant::now();
    let again = stdout(&backfill(&database, &["orders-priority"]).await);
    eprintln!("once more took {:?}: {again}", begun.elapsed());
    assert!(
        again.contains("completed 0 tenants, changed 0 rows; completed before: 10000 tenants"),
        "{again}"
    );
    let begun = Instant::now();
    let migrated = migrate(&database).await;
    eprintln!("the contract migration took {:?}", begun.elapsed());
    assert!(migrated.contains("000014_orders_priority_contract"), "{migrated}");
}
