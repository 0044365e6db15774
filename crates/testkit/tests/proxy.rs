//! Tests of the proxy between tokio-postgres and a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use rowhouse_testkit::{Proxy, ServiceName, TestDatabase};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn start() -> (TestDatabase, Proxy, Client) {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let client = connect(&proxy.url()).await.unwrap();
    (database, proxy, client)
}

fn statements(proxy: &Proxy) -> Vec<Vec<String>> {
    proxy.flights().into_iter().map(|flight| flight.statements).collect()
}

#[tokio::test]
async fn flights_are_round_trips() {
    let (_database, proxy, client) = start().await;
    proxy.set_latency(Duration::from_millis(50));
    let one = client.prepare("SELECT 1").await.unwrap();
    proxy.forget();
    client.query(&one, &[]).await.unwrap();
    client.batch_execute("SELECT 2").await.unwrap();
    assert_eq!(statements(&proxy), [["SELECT 1"], ["SELECT 2"]], "each waited for");

    proxy.forget();
    let (first, second) = tokio::join!(client.batch_execute("SELECT 3"), client.query(&one, &[]));
    first.unwrap();
    second.unwrap();
    assert_eq!(statements(&proxy), [["SELECT 3", "SELECT 1"]], "both in one flight");
}

#[tokio::test]
async fn statements_are_rewritten() {
    let (_database, proxy, client) = start().await;
    proxy.rewrite(|sql| sql.contains("one").then(|| sql.replace("'one'", "'another one'")));
    let row = client.query_one("SELECT 'one' || $1::text", &[&"!"]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "another one!");
    let row = client.query_one("SELECT 'two'", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "two");
}

#[tokio::test]
async fn connections_are_cut_and_refused() {
    let (_database, proxy, client) = start().await;
    assert_eq!(proxy.connections(), 1);
    proxy.cut();
    timeout(Duration::from_secs(30), async {
        while !client.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the client sees its connection closed");
    proxy.refuse(true);
    assert!(connect(&proxy.url()).await.is_err());
    proxy.refuse(false);
    connect(&proxy.url()).await.unwrap().batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn nothing_passes_a_stalled_proxy_until_it_resumes() {
    let (_database, proxy, client) = start().await;
    proxy.stall();
    let query = client.batch_execute("SELECT 1");
    tokio::pin!(query);
    assert!(timeout(Duration::from_millis(200), &mut query).await.is_err());
    proxy.resume();
    timeout(Duration::from_secs(30), query).await.expect("an answer").unwrap();
}
