//! A listener relies only on notifications that arrive.

use std::time::{Duration, Instant};

use rowhouse_testkit::{Forwarder, ServiceName, TestDatabase, until};
use tokio_postgres::NoTls;

use crate::pooler;
use crate::settings::rowhouse_admin;
use crate::world::{connect, number};

const CHANNEL: &str = "a channel's name";
const NOTIFY: &str = "NOTIFY \"a channel's name\"";

/// Returns `url` with another host and port.
fn at(url: &str, address: &str) -> String {
    let (login, rest) = url.split_once('@').unwrap();
    format!("{login}@{address}{}", &rest[rest.find('/').unwrap()..])
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_received() {
    let database = TestDatabase::create().await;
    let db = connect(database.url(ServiceName::Orders)).await;
    let mut listener = db.listen(CHANNEL);
    assert!(!listener.is_listening(), "nothing was heard yet");
    listener.notified().await;
    assert!(listener.is_listening());
    let admin = rowhouse_admin(&database.admin_url()).await;
    admin.batch_execute(NOTIFY).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(5), listener.notified()).await;
    assert!(heard.is_ok(), "the notification");
    // Notifications of other channels, and the heartbeat's, are not reported.
    admin.batch_execute("NOTIFY another").await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(6), listener.notified()).await;
    assert!(heard.is_err() && listener.is_listening(), "nothing but a heartbeat");
}

/// Neither side learns that the connection is dead, as when an address moves to another machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_is_detected_within_ten_seconds() {
    let database = TestDatabase::create().await;
    let url = database.url(ServiceName::Orders);
    let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let forwarder = Forwarder::start(server).await;
    let db = connect(at(&url, &forwarder.address())).await;
    let mut listener = db.listen(CHANNEL);
    listener.notified().await;
    assert!(listener.is_listening());
    let begun = Instant::now();
    forwarder.forget_connections();
    until(async || !listener.is_listening()).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until(async || listener.is_listening()).await;
    rowhouse_admin(&database.admin_url()).await.batch_execute(NOTIFY).await.unwrap();
    listener.notified().await;
}

/// A pooler in transaction mode accepts LISTEN and drops notifications.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_drops_notifications_is_detected() {
    let database = TestDatabase::create().await;
    let Some(pooler) = pooler::start(&database, "transaction", 0).await else { return };
    let url = database.direct_url(ServiceName::Orders);
    let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
    // The pool connects directly, since it may refuse this version of the pooler.
    let forwarder = Forwarder::start(server).await;
    let db = connect(at(&url, &forwarder.address())).await;
    number(&db, "1::bigint").await.unwrap();
    forwarder.lead_to(pooler.address().to_owned());
    let listener = db.listen(CHANNEL);

    // The pooler has one server process for this name of the database, so this query sees its state.
    let (through, connection) = tokio_postgres::connect(&at(&url, pooler.address()), NoTls).await.unwrap();
    tokio::spawn(connection);
    let channels = async || {
        let count = "SELECT count(*) FROM pg_catalog.pg_listening_channels()";
        through.simple_query(count).await.unwrap().iter().any(|message| {
            matches!(message, tokio_postgres::SimpleQueryMessage::Row(row) if row.get(0) == Some("1"))
        })
    };
    until(async || channels().await).await;
    until(async || !channels().await).await;
    assert!(!listener.is_listening());
}

/// A pooler in session mode behaves as a direct connection.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_pass_a_pooler_in_session_mode() {
    let database = TestDatabase::create().await;
    let Some(pooler) = pooler::start(&database, "session", 0).await else { return };
    let db = connect(pooler.url(ServiceName::Orders)).await;
    let mut listener = db.listen(CHANNEL);
    listener.notified().await;
    assert!(listener.is_listening());
    rowhouse_admin(&database.admin_url()).await.batch_execute(NOTIFY).await.unwrap();
    listener.notified().await;
}
