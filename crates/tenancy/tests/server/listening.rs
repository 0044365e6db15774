//! A listener believes what it hears, and nothing else.

use std::time::{Duration, Instant};

use rowhouse_testkit::{ServiceName, TestDatabase};
use tokio_postgres::NoTls;

use crate::forwarder::Forwarder;
use crate::pgbouncer::PgBouncer;
use crate::settings::rowhouse_admin;
use crate::world::{connect, number, until};

const CHANNEL: &str = "a channel's name";
const NOTIFY: &str = "NOTIFY \"a channel's name\"";

/// `url` with another host and port.
fn at(url: &str, address: &str) -> String {
    let (login, rest) = url.split_once('@').unwrap();
    format!("{login}@{address}{}", &rest[rest.find('/').unwrap()..])
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_heard() {
    let database = TestDatabase::create().await;
    let db = connect(database.url(ServiceName::Orders)).await;
    let mut listener = db.listen(CHANNEL);
    assert!(!listener.is_listening(), "nothing was heard yet");
    listener.heard().await;
    assert!(listener.is_listening());
    let admin = rowhouse_admin(&database.admin_url()).await;
    admin.batch_execute(NOTIFY).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(5), listener.heard()).await;
    assert!(heard.is_ok(), "the notification");
    // Another channel's, and its own, are nobody's business.
    admin.batch_execute("NOTIFY another").await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(6), listener.heard()).await;
    assert!(heard.is_err() && listener.is_listening(), "nothing but a heartbeat");
}

/// Neither side is told that the connection is dead, as when an address moves to another machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_is_noticed_within_ten_seconds() {
    let database = TestDatabase::create().await;
    let url = database.url(ServiceName::Orders);
    let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let forwarder = Forwarder::start(server).await;
    let db = connect(at(&url, &forwarder.address())).await;
    let mut listener = db.listen(CHANNEL);
    listener.heard().await;
    assert!(listener.is_listening());
    let begun = Instant::now();
    forwarder.forget_connections();
    until(async || !listener.is_listening()).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until(async || listener.is_listening()).await;
    rowhouse_admin(&database.admin_url()).await.batch_execute(NOTIFY).await.unwrap();
    listener.heard().await;
}

/// In transaction mode a pooler answers LISTEN, and drops what arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_drops_notifications_is_not_believed() {
    let database = TestDatabase::create().await;
    let Some(pooler) = PgBouncer::start(&database, "transaction").await else {
        eprintln!("pgbouncer is not installed");
        return;
    };
    let url = database.url(ServiceName::Orders);
    let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
    // The pool, which this version of the pooler is no good for, has its connections from before.
    let forwarder = Forwarder::start(server).await;
    let db = connect(at(&url, &forwarder.address())).await;
    number(&db, "1::bigint").await.unwrap();
    forwarder.lead_to(pooler.address());
    let listener = db.listen(CHANNEL);

    // The pooler has one server process, so this sees what is done to it.
    let (through, connection) = tokio_postgres::connect(&at(&url, &pooler.address()), NoTls).await.unwrap();
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

/// One that leaves a session its server process is as good as none.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_sessions_together_is_listened_through() {
    let database = TestDatabase::create().await;
    let Some(pooler) = PgBouncer::start(&database, "session").await else {
        eprintln!("pgbouncer is not installed");
        return;
    };
    let db = pooler.connect().await.unwrap_or_else(|error| panic!("{error}"));
    let mut listener = db.listen(CHANNEL);
    listener.heard().await;
    assert!(listener.is_listening());
    rowhouse_admin(&database.admin_url()).await.batch_execute(NOTIFY).await.unwrap();
    listener.heard().await;
}
