//! Work continues without a restart after a fail-over or a read-only period.

use std::time::Duration;

use rowhouse_tenancy::{DatabaseConfig, DbError, TenantContext, TenantDb};
use rowhouse_testkit::{Forwarder, ServiceName, TestServer, until};

use crate::world::{connect, number, place, read, tenant};

/// The time within which writes succeed after the server becomes writable.
const SOON: Duration = Duration::from_secs(5);
const PROCESS: &str = "pg_catalog.pg_backend_pid()::bigint";

/// Returns the reason why a write was refused, which must be one that the caller may retry.
async fn refused(db: &TenantDb, cx: &TenantContext) -> String {
    match place(db, cx).await {
        Err(DbError::Unavailable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Checks the database once a second, as readiness does.
fn keep_asking(db: &TenantDb) -> tokio::task::JoinHandle<()> {
    let db = db.clone();
    tokio::spawn(async move {
        loop {
            let _asked = db.ping().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
}

/// The old primary keeps running, read-only, behind connections that nobody closes.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_fail_over_behind_the_same_name_writes_go_to_the_new_primary() {
    let (old, new) = tokio::join!(TestServer::start(), TestServer::start());
    let (cx, add) = tenant("acme", "active");
    let (old_admin, new_admin) = (old.admin().await, new.admin().await);
    for admin in [&old_admin, &new_admin] {
        admin.batch_execute(&add).await.unwrap();
    }
    // The new primary has the tenant as if it had been replicated.
    let password = old.url(ServiceName::Orders).split(['@', ':']).nth(2).unwrap().to_owned();
    new_admin.batch_execute(&format!("ALTER ROLE rowhouse_orders PASSWORD '{password}'")).await.unwrap();

    let forwarder = Forwarder::start(old.address()).await;
    let db = connect(old.url_at(ServiceName::Orders, &forwarder.address())).await;
    let asking = keep_asking(&db);
    place(&db, &cx).await.unwrap();
    // Both connections of the pool lead to the old primary.
    let (one, two) = tokio::join!(number(&db, PROCESS), number(&db, PROCESS));
    one.and(two).unwrap();

    forwarder.lead_to(new.address());
    old_admin.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    old_admin.batch_execute("SELECT pg_catalog.pg_reload_conf()").await.unwrap();
    let placed = async || {
        let count = new_admin.query_one("SELECT count(*) FROM orders.orders", &[]).await;
        count.unwrap().get::<_, i64>(0)
    };
    // The old primary takes a moment to reload its settings, and may accept a last order.
    let took = until(async || place(&db, &cx).await.is_ok() && placed().await == 1).await;
    assert!(took < SOON, "{took:?}");
    // No connection leads to the old primary any more.
    for _ in 0..8 {
        place(&db, &cx).await.unwrap();
    }
    asking.abort();
    assert_eq!(placed().await, 9);
}

/// An address moved silently: the old connections are dead, and new ones work.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_dead_are_replaced_when_new_ones_answer() {
    let server = TestServer::start().await;
    let (cx, add) = tenant("acme", "active");
    server.admin().await.batch_execute(&add).await.unwrap();
    let forwarder = Forwarder::start(server.address()).await;
    let db = connect(server.url_at(ServiceName::Orders, &forwarder.address())).await;
    let (one, two) = tokio::join!(place(&db, &cx), place(&db, &cx));
    one.and(two).unwrap();
    let asking = keep_asking(&db);
    forwarder.forget_connections();
    // No other query detects it in between: readiness has to.
    tokio::time::sleep(SOON).await;
    for _ in 0..4 {
        let placed = tokio::time::timeout(Duration::from_secs(2), place(&db, &cx)).await;
        placed.expect("no dead connection is left").unwrap();
    }
    asking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_whose_connections_are_all_in_use_is_no_outage() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let db = connect(server.url(ServiceName::Orders)).await;
    let busy = [(); 2].map(|()| {
        let db = db.clone();
        tokio::spawn(async move { number(&db, "(SELECT 1 FROM pg_catalog.pg_sleep(60))::bigint").await })
    });
    let running = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE wait_event = 'PgSleep'";
    until(async || admin.query_one(running, &[]).await.unwrap().get::<_, i64>(0) == 2).await;
    db.ping().await.unwrap();
    for one in busy {
        one.abort();
    }
}

/// No write detects the change meanwhile: readiness has to.
#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_first_after_a_read_only_period() {
    let server = TestServer::start().await;
    let (cx, add) = tenant("acme", "active");
    let admin = server.admin().await;
    admin.batch_execute(&add).await.unwrap();
    let db = connect(server.url(ServiceName::Orders)).await;
    place(&db, &cx).await.unwrap();
    let asking = keep_asking(&db);

    // A provider with a nearly full disk does it in this way: for new sessions, and it ends the old ones.
    admin.batch_execute("ALTER DATABASE rowhouse SET default_transaction_read_only = on").await.unwrap();
    admin
        .batch_execute(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = 'rowhouse_orders'",
        )
        .await
        .unwrap();
    until(
        async || matches!(place(&db, &cx).await, Err(DbError::Unavailable(said)) if said.contains("25006")),
    )
    .await;
    assert_eq!(read(&db, &cx).await.unwrap().len(), 1, "it can be read");
    assert!(refused(&db, &cx).await.starts_with("the server is read-only"));
    until(async || db.ping().await.is_err_and(|error| error.to_string().contains("read-only"))).await;

    admin
        .batch_execute("SET default_transaction_read_only = off; ALTER DATABASE rowhouse RESET default_transaction_read_only")
        .await
        .unwrap();
    // No query in between: the first write has to succeed.
    tokio::time::sleep(SOON).await;
    let (one, two) = tokio::join!(place(&db, &cx), place(&db, &cx));
    one.and(two).unwrap();
    asking.abort();
}

/// Commits wait for a standby that is not there. Reads do not.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_synchronous_standby_the_database_is_not_available() {
    let server = TestServer::start_with(&[("synchronous_commit", "on")]).await;
    let (cx, add) = tenant("acme", "active");
    let admin = server.admin().await;
    admin.batch_execute(&add).await.unwrap();
    let db = connect(server.url(ServiceName::Orders)).await;
    place(&db, &cx).await.unwrap();
    db.ping().await.unwrap();
    admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'missing'").await.unwrap();
    server.reload().await;
    // The session that checks may not have the new setting yet, and succeeds once more.
    until(async || matches!(db.ping().await, Err(DbError::Unavailable(said)) if said.contains("does not answer")))
        .await;
    assert_eq!(read(&db, &cx).await.unwrap().len(), 1, "it can be read");

    admin.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
    server.reload().await;
    until(async || db.ping().await.is_ok()).await;
    until(async || place(&db, &cx).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_written_to_as_soon_as_it_is_promoted() {
    let mut server = TestServer::start().await;
    let (cx, add) = tenant("acme", "active");
    server.admin().await.batch_execute(&add).await.unwrap();
    let forwarder = Forwarder::start(server.address()).await;
    let db = connect(server.url_at(ServiceName::Orders, &forwarder.address())).await;
    place(&db, &cx).await.unwrap();
    server.become_standby().await;
    forwarder.lead_to(server.address());
    until(async || read(&db, &cx).await.is_ok()).await;
    let said = refused(&db, &cx).await;
    assert!(said.starts_with("the server is read-only"), "{said}");
    server.admin().await.batch_execute("SELECT pg_catalog.pg_promote()").await.unwrap();
    let took = until(async || place(&db, &cx).await.is_ok()).await;
    assert!(took < SOON, "{took:?}");
}

/// A statement that fails because of the server closes the connection; a wrong statement does not.
#[tokio::test(flavor = "multi_thread")]
async fn unusable_connections_are_closed() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin
        .batch_execute(
            "CREATE FUNCTION orders.fail(code text) RETURNS bigint LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'auf dem Gerät ist kein Platz mehr verfügbar' USING ERRCODE = code; END $$;
             GRANT EXECUTE ON FUNCTION orders.fail TO rowhouse_orders",
        )
        .await
        .unwrap();
    let config = DatabaseConfig { pool_size: 1, ..DatabaseConfig::new(server.url(ServiceName::Orders)) };
    let db = TenantDb::connect(&config).await.unwrap_or_else(|error| panic!("{error}"));
    for (code, reconnects) in [
        ("53100", true),
        ("53200", true),
        ("57P01", true),
        ("57P03", true),
        ("08006", true),
        ("25006", true),
        ("58030", true),
        ("26000", true),
        ("57014", false),
        ("55P03", false),
        ("40P01", false),
        ("40001", false),
        ("23505", false),
        ("P0001", false),
    ] {
        let before = number(&db, PROCESS).await.unwrap();
        let failing: &'static str = format!("orders.fail('{code}')").leak();
        let failed = number(&db, failing).await.unwrap_err();
        match code {
            "57014" => assert!(matches!(failed, DbError::TimedOut(_)), "{code}: {failed:?}"),
            "55P03" | "40P01" | "40001" => {
                assert!(matches!(failed, DbError::Contended(_)), "{code}: {failed:?}");
            }
            "26000" | "23505" | "P0001" => assert!(matches!(failed, DbError::Query(_)), "{code}: {failed:?}"),
            _ => assert!(matches!(failed, DbError::Unavailable(_)), "{code}: {failed:?}"),
        }
        assert_eq!(number(&db, PROCESS).await.unwrap() != before, reconnects, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_outlives_its_lifetime() {
    let server = TestServer::start().await;
    let config = DatabaseConfig {
        pool_size: 1,
        max_lifetime: Duration::from_secs(1),
        ..DatabaseConfig::new(server.url(ServiceName::Orders))
    };
    let db = TenantDb::connect(&config).await.unwrap_or_else(|error| panic!("{error}"));
    let before = number(&db, PROCESS).await.unwrap();
    until(async || number(&db, PROCESS).await.unwrap() != before).await;
}
