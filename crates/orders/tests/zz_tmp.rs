#![allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic, reason = "temporary")]
#[path = "api/world.rs"]
mod world;
use world::*;
use rowhouse_proto::orders::v1::*;
async fn w() -> (World, rowhouse_testkit::Proxy) {
    let database = rowhouse_testkit::TestDatabase::create().await;
    let proxy = rowhouse_testkit::Proxy::start(&database.url(rowhouse_testkit::Role::Orders)).await;
    let key = rowhouse_tokens::SigningKey::generate().unwrap();
    let trust = trust(&key);
    let config = config(&proxy.url(), &trust);
    (World::start_with(database, config, key, trust).await, proxy)
}
#[tokio::test(flavor = "multi_thread")]
async fn lock() {
    let (world, proxy) = w().await;
    proxy.rewrite(|sql| sql.contains("FOR NO KEY UPDATE").then(|| sql.replace("FOR NO KEY UPDATE", "")));
    let orders = world.tenant("acme").await;
    let placed = orders.create(an_order()).await.unwrap();
    let calls = (0..16).map(|call| {
        let (orders, placed) = (orders.clone(), placed.clone());
        let status = if call % 2 == 0 { OrderStatus::Paid } else { OrderStatus::Cancelled };
        async move { orders.update(&placed.id, status, &placed.etag).await }
    });
    let outcomes = world.at_the_same_moment(calls).await;
    println!("WITHOUT LOCK changed: {}", outcomes.iter().filter(|o| o.is_ok()).count());
}
#[tokio::test(flavor = "multi_thread")]
async fn key() {
    let (world, proxy) = w().await;
    let orders = world.tenant("acme").await;
    let calls = (0..16).map(|_| {
        let orders = orders.clone();
        let mut o = an_order(); o.idempotency_key = Some("x".into());
        async move { orders.create(o).await.unwrap() }
    });
    world.at_the_same_moment(calls).await;
    println!("ROLLBACKS: {}", proxy.flights().iter().flat_map(|f| &f.statements).filter(|s| *s == "ROLLBACK").count());
}
