#![allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic, reason = "temporary")]
#[path = "api/world.rs"]
mod world;
use world::*;
use rowhouse_proto::orders::v1::*;
use std::time::Duration;
#[tokio::test(flavor = "multi_thread")]
async fn flights() {
    let database = rowhouse_testkit::TestDatabase::create().await;
    let proxy = rowhouse_testkit::Proxy::start(&database.url(rowhouse_testkit::Role::Orders)).await;
    let key = rowhouse_tokens::SigningKey::generate().unwrap();
    let trust = trust(&key);
    let mut config = config(&proxy.url(), &trust);
    config.database.pool_size = 1;
    let world = World::start_with(database, config, key, trust).await;
    let orders = world.tenant("acme").await;
    proxy.set_latency(Duration::from_millis(20));
    for warm in [false, true, true] {
        let show = |what: &str| {
            let flights: Vec<_> = proxy.flights().into_iter().filter(|f| f.statements != ["SELECT 1"]).collect();
            if warm { println!("== {what}: {}", flights.len()); for f in flights { println!("   {f:?}"); } }
            proxy.forget();
        };
        proxy.forget();
        let o = orders.create(an_order()).await.unwrap(); show("create");
        let mut k = an_order(); k.idempotency_key = Some(o.id.clone());
        orders.create(k.clone()).await.unwrap(); show("create keyed");
        orders.create(k).await.unwrap(); show("repeat");
        orders.get(&o.id).await.unwrap(); show("get");
        let l = orders.list(ListOrdersRequest { page_size: 1, ..Default::default() }).await.unwrap(); show("list");
        let req = ListOrdersRequest { page_size: 1, page_token: l.next_page_token, status: 0 };
        orders.list(req).await.unwrap(); show("list next");
        let l = orders.list(ListOrdersRequest { page_size: 1, status: 1, ..Default::default() }).await.unwrap(); show("list status");
        let req = ListOrdersRequest { page_size: 1, page_token: l.next_page_token, status: 1 };
        orders.list(req).await.unwrap(); show("list status next");
        orders.update(&o.id, OrderStatus::Paid, "").await.unwrap(); show("update");
        let _ = orders.update(&o.id, OrderStatus::Paid, "").await.unwrap_err(); show("update refused");
    }
    world.stop().await;
}
