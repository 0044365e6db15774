//! The reasons that errors give for an unavailable database.

use std::time::Duration;

use rowhouse_tenancy::{DatabaseConfig, DbError, TenantDb};
use rowhouse_testkit::{Forwarder, ServiceName, TestServer, until};

use crate::world::number;

const PROCESS: &str = "pg_catalog.pg_backend_pid()::bigint";
const TERMINATE: &str = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = 'rowhouse_orders'";

async fn reason(db: &TenantDb) -> String {
    // The first error may still be about the closed connection.
    let mut reason = String::new();
    until(async || match number(db, PROCESS).await {
        Err(DbError::Unavailable(said)) if said != "connection closed" && !said.contains("57P01") => {
            reason = said;
            true
        }
        _ => false,
    })
    .await;
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_has_a_message_and_work_continues_when_it_is_gone() {
    let server = TestServer::start().await;
    let forwarder = Forwarder::start(server.address()).await;
    let admin = server.admin().await;
    let url = server.url_at(ServiceName::Orders, &forwarder.address());
    let secret = url.split(['@', ':']).nth(2).unwrap().to_owned();
    let config =
        DatabaseConfig { pool_size: 1, acquire_timeout: Duration::from_secs(1), ..DatabaseConfig::new(url) };
    let db = TenantDb::connect(&config).await.unwrap_or_else(|error| panic!("{error}"));

    // The only connection is in use.
    let (taken, wait) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let holding = db.global_tx::<_, DbError, _>("hold", async |tx| {
        use diesel_async::SimpleAsyncConnection;
        tx.batch_execute("SELECT 1").await?;
        taken.notify_one();
        wait.notified().await;
        Ok(())
    });
    let asking = async {
        taken.notified().await;
        let said = reason(&db).await;
        wait.notify_one();
        said
    };
    let (held, said) = tokio::join!(holding, asking);
    held.unwrap();
    assert_eq!(said, "all 1 connections of the pool are in use, and none became free in time");

    let limit = |limit: i32| format!("ALTER ROLE rowhouse_orders CONNECTION LIMIT {limit}");
    for (harm, sentence, remedy) in [
        (
            "ALTER ROLE rowhouse_orders PASSWORD 'another'".to_owned(),
            "the server refuses the password",
            format!("ALTER ROLE rowhouse_orders PASSWORD '{secret}'"),
        ),
        (limit(0), "the server has no connection to spare", limit(-1)),
        (
            "ALTER ROLE rowhouse_orders NOLOGIN".to_owned(),
            "the server refuses the role",
            "ALTER ROLE rowhouse_orders LOGIN".to_owned(),
        ),
    ] {
        admin.batch_execute(&harm).await.unwrap();
        admin.batch_execute(TERMINATE).await.unwrap();
        let said = reason(&db).await;
        assert!(said.starts_with(sentence) && !said.contains(&secret), "{said}");
        admin.batch_execute(&remedy).await.unwrap();
        let took = until(async || number(&db, PROCESS).await.is_ok()).await;
        assert!(took < Duration::from_secs(5), "{sentence}: {took:?}");
    }

    // The database is missing while it is renamed.
    let other = server.admin_url().replace("/rowhouse", "/postgres");
    let other = crate::settings::rowhouse_admin(&other).await;
    drop(admin);
    let everybody = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = 'rowhouse'";
    until(async || {
        other.batch_execute(everybody).await.unwrap();
        other.batch_execute("ALTER DATABASE rowhouse RENAME TO elsewhere").await.is_ok()
    })
    .await;
    let said = reason(&db).await;
    assert!(said.starts_with("the server has no such database"), "{said}");
    other.batch_execute("ALTER DATABASE elsewhere RENAME TO rowhouse").await.unwrap();
    let took = until(async || number(&db, PROCESS).await.is_ok()).await;
    assert!(took < Duration::from_secs(5), "{took:?}");

    // The server is stopped.
    forwarder.lead_to("127.0.0.1:1".to_owned());
    other.batch_execute(everybody).await.unwrap();
    let said = reason(&db).await;
    assert!(said.contains("the server closed the connection") || said.contains("host"), "{said}");
    forwarder.lead_to(server.address());
    let took = until(async || number(&db, PROCESS).await.is_ok()).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// The last connection is free and reserved for others: the error does not say that all are in use.
#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_share_is_not_reported_as_a_full_pool() {
    let server = TestServer::start().await;
    let url = server.url_at(ServiceName::Orders, &server.address());
    let config =
        DatabaseConfig { pool_size: 3, acquire_timeout: Duration::from_secs(1), ..DatabaseConfig::new(url) };
    let db = TenantDb::connect(&config).await.unwrap_or_else(|error| panic!("{error}"));
    let (taken, wait) = (tokio::sync::Barrier::new(3), tokio::sync::Barrier::new(3));
    let hold = || {
        db.global_tx::<_, DbError, _>("hold", async |_| {
            taken.wait().await;
            wait.wait().await;
            Ok(())
        })
    };
    let asking = async {
        taken.wait().await;
        let said = reason(&db).await;
        wait.wait().await;
        said
    };
    let (first, second, said) = tokio::join!(hold(), hold(), asking);
    first.and(second).unwrap();
    assert_eq!(
        said,
        "work that is in no tenant has 2 of the 3 connections of the pool in use, which is its share at the moment, and none \
         of them became free in time"
    );
}

/// Hosts on which nothing listens.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_host_is_named_as_such() {
    for (url, sentence) in [
        (
            "postgres://rowhouse_orders:hunter2@127.0.0.1:1/rowhouse",
            "nothing listens at the database's host and port",
        ),
        (
            "postgres://rowhouse_orders:hunter2@no-such-host.invalid/rowhouse",
            "the database's host cannot be reached",
        ),
        (
            "host=/no/such/directory user=rowhouse_orders password=hunter2",
            "the database's host cannot be reached",
        ),
    ] {
        let said = TenantDb::connect(&DatabaseConfig::new(url)).await.map(drop).unwrap_err().to_string();
        assert!(said.contains(sentence) && !said.contains("hunter2"), "{said}");
    }
}
