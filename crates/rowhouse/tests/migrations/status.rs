//! `rowhouse migrate --status`.

use diesel_async::SimpleAsyncConnection;
use rowhouse_migrator::connect;
use rowhouse_testkit::TestDatabase;

use crate::program::{ended, migrate, stderr, stdout};
use crate::{INDEX_MIGRATION, holds, text};

/// Returns the exit code and the lines.
async fn status(url: &str) -> (Option<i32>, Vec<String>) {
    let output = ended(migrate(url, &["--status"]).spawn().unwrap()).await;
    assert_eq!(stderr(&output), "");
    (output.status.code(), stdout(&output).lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_current_database() {
    let database = TestDatabase::create().await;
    let (code, lines) = status(&database.admin_url()).await;
    assert_eq!(code, Some(0), "{lines:?}");
    let mut admin = database.admin().await;
    let when =
        "SELECT to_char(run_on, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM public.__diesel_schema_migrations
        WHERE version = '20261123000001'";
    let when = text(&mut admin, &format!("({when})")).await;
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["STATE", "APPLIED", "MIGRATION", "NOTE"]);
    assert_eq!(lines[1], format!("applied  {when}  2026-11-23-000001_tenancy"));
    assert!(lines.iter().skip(1).all(|line| line.starts_with("applied  2")), "{lines:?}");
    let json = migrate(&database.admin_url(), &["--status", "--output", "json"]).spawn().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&ended(json).await.stdout).unwrap();
    assert_eq!(document["total"], lines.len() - 1);
    assert_eq!(document["items"][0]["applied_at"], when);
    assert_eq!(document["invalid_indexes"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_that_has_to_be_migrated() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    let change = "DELETE FROM public.__diesel_schema_migrations WHERE version >= '20261123000013';
        INSERT INTO public.__diesel_schema_migrations (version) VALUES ('29990101000000');
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders.orders_by_status'::regclass";
    admin.batch_execute(change).await.unwrap();
    let (code, lines) = status(&database.admin_url()).await;
    assert_eq!(code, Some(3));
    let line =
        |name: &str| lines.iter().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{lines:?}"));
    let words: Vec<_> = line(INDEX_MIGRATION).split_whitespace().collect();
    assert_eq!(words, ["pending", INDEX_MIGRATION]);
    assert!(line("29990101000000").ends_with(" this program is older and does not know it"), "{lines:?}");
    assert!(line("_orders_priority_contract").ends_with(" needs `rowhouse backfill orders-priority` first"));
    assert!(line("invalid index").starts_with("invalid index orders.orders_by_status: "), "{lines:?}");
    // Reading the status repaired nothing.
    assert!(holds(&mut admin, "(SELECT count(*) = 1 FROM pg_index WHERE NOT indisvalid)").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_that_is_not_there() {
    let database = TestDatabase::create().await;
    let url = database.admin_url().replace("/test_", "/absent_test_");
    let (code, lines) = status(&url).await;
    assert_eq!(code, Some(3));
    assert!(lines[1].starts_with("pending "), "{lines:?}");
    let absent = connect(&url, None).await.expect_err("it was not made").to_string();
    assert!(absent.contains("does not exist"), "{absent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_empty_one() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    admin.batch_execute(empty).await.unwrap();
    let (code, lines) = status(&database.admin_url()).await;
    assert_eq!(code, Some(3));
    assert!(!lines.iter().any(|line| line.starts_with("applied")), "{lines:?}");
    assert!(holds(&mut admin, "to_regclass('public.__diesel_schema_migrations') IS NULL").await);
}
