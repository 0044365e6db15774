//! Order numbers.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::world::{World, an_order};

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_counts_by_itself_and_leaves_no_number_out() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let calls = (0..64).map(|call| {
        let orders = if call % 2 == 0 { acme.clone() } else { globex.clone() };
        tokio::spawn(async move { (call % 2, orders.create(an_order()).await.unwrap().number) })
    });
    let placed: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    for tenant in [0, 1] {
        let numbers: BTreeSet<_> =
            placed.iter().filter(|(of, _)| *of == tenant).map(|(_, number)| *number).collect();
        assert_eq!(numbers, (1..=32).collect());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_takes_no_number() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let mut order = an_order();
    order.idempotency_key = Some("monday".to_owned());
    orders.create(order.clone()).await.unwrap();
    orders.create(order.clone()).await.unwrap();
    order.customer = "Grace".to_owned();
    orders.create(order).await.unwrap_err();
    assert_eq!(orders.create(an_order()).await.unwrap().number, 2);
    world.stop().await;
}
