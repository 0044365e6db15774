//! Repeated calls.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::{CreateOrderRequest, ListOrdersRequest, OrderStatus};

use crate::instance::Instance;
use crate::world::{Orders, World, an_order, refusal};

fn keyed(key: &str) -> CreateOrderRequest {
    CreateOrderRequest { idempotency_key: Some(key.to_owned()), ..an_order() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let first = orders.create(keyed("monday")).await.unwrap();
    assert_eq!(orders.create(keyed("monday")).await.unwrap(), first);

    orders.update(&first.id, OrderStatus::Paid, "").await.unwrap();
    assert_eq!(orders.create(keyed("monday")).await.unwrap(), first, "as it was then");
    assert_ne!(orders.create(keyed("tuesday")).await.unwrap().id, first.id);
    assert_ne!(orders.create(an_order()).await.unwrap().id, first.id);
    assert_eq!(orders.list(ListOrdersRequest::default()).await.unwrap().orders.len(), 3);
    world.stop().await;
}

/// The answer is composed in the database, where a number has as many bytes as it needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_has_the_number_however_long_it_is() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    orders.create(an_order()).await.unwrap();
    let mut admin = world.database.admin().await;
    for power in [7, 14, 21, 28, 35, 42, 49, 56, 62] {
        let last = (1_i64 << power) - 2;
        let skip = format!("UPDATE orders.number_series SET last_number = {last}");
        admin.batch_execute(&skip).await.unwrap();
        for number in [last + 1, last + 2] {
            let key = format!("order-{number}");
            let first = orders.create(keyed(&key)).await.unwrap();
            assert_eq!(first.number, number);
            assert_eq!(orders.create(keyed(&key)).await.unwrap(), first);
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_the_same_moment_place_one_order() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let another = Instance::start(&world, |_| {}).await;
    let callers = [orders.clone(), another.orders(&orders).await];
    let calls = callers.iter().cycle().take(16).map(|orders| {
        let orders = orders.clone();
        async move { orders.create(keyed("monday")).await.unwrap() }
    });
    let answers = world.at_the_same_moment(2, calls).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(orders.list(ListOrdersRequest::default()).await.unwrap().orders, answers[..1]);
    assert_eq!(orders.create(an_order()).await.unwrap().number, 2, "the other fifteen took no number");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_for_one_request() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    orders.create(keyed("monday")).await.unwrap();
    let others = [
        CreateOrderRequest { customer: "Grace".to_owned(), ..keyed("monday") },
        CreateOrderRequest { currency: "USD".to_owned(), ..keyed("monday") },
        CreateOrderRequest { lines: vec![an_order().lines[0].clone(); 2], ..keyed("monday") },
    ];
    for other in others {
        assert_eq!(refusal(orders.create(other).await).code, Code::IDEMPOTENCY_KEY_REUSED);
    }
    assert_eq!(orders.list(ListOrdersRequest::default()).await.unwrap().orders.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn different_requests_with_one_key_at_the_same_moment_place_one_order() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let another = Instance::start(&world, |_| {}).await;
    let callers = [orders.clone(), another.orders(&orders).await];
    let calls =
        callers.iter().cycle().take(8).cloned().enumerate().map(async |(call, orders): (usize, Orders)| {
            let request = CreateOrderRequest { customer: format!("Ada {call}"), ..keyed("monday") };
            orders.create(request).await
        });
    let outcomes = world.at_the_same_moment(2, calls).await;
    let (placed, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(placed.len(), 1);
    for outcome in refused {
        assert_eq!(refusal(outcome).code, Code::IDEMPOTENCY_KEY_REUSED);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_nothing_to_another_tenant() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let of_acme = acme.create(keyed("monday")).await.unwrap();
    let other = CreateOrderRequest { customer: "Gina".to_owned(), ..keyed("monday") };
    let of_globex = globex.create(other).await.unwrap();
    assert_ne!(of_globex.id, of_acme.id);
    assert_eq!(of_globex.customer, "Gina");
    world.stop().await;
}
