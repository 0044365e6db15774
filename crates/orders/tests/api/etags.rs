//! Conditional changes.

use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::OrderStatus::{Cancelled, Fulfilled, Paid};
use tonic::Code as GrpcCode;

use crate::world::{World, an_order, refusal, wrong_fields};

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_tag_changes_nothing() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let placed = orders.create(an_order()).await.unwrap();
    let paid = orders.update(&placed.id, Paid, &placed.etag).await.unwrap();

    for stale in [&placed.etag, "\"3\"", "\"abc\"", "W/\"2\"", "\"1\", \"3\""] {
        let refused = orders.update(&placed.id, Fulfilled, stale).await.unwrap_err();
        assert_eq!(refused.code(), GrpcCode::Aborted, "{stale}");
        assert_eq!(refusal::<()>(Err(refused)).code, Code::ETAG_MISMATCH, "{stale}");
    }
    for malformed in ["2", "\"2", "\"2\" \"3\"", "\"2\", *", "yes"] {
        assert_eq!(wrong_fields(orders.update(&placed.id, Fulfilled, malformed).await), ["etag"]);
    }
    assert_eq!(orders.get(&placed.id).await.unwrap(), paid);
    let one_of_them = format!("\"0\", {}", paid.etag);
    assert_eq!(orders.update(&placed.id, Fulfilled, &one_of_them).await.unwrap().version, 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_version_will_do_when_the_caller_says_so() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let id = orders.create(an_order()).await.unwrap().id;
    orders.update(&id, Paid, "*").await.unwrap();
    orders.update(&id, Fulfilled, "").await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_have_seen_the_same_version_one_changes_it() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let placed = orders.create(an_order()).await.unwrap();
    let calls = (0..16).map(|call| {
        let (orders, placed) = (orders.clone(), placed.clone());
        let status = if call % 2 == 0 { Paid } else { Cancelled };
        async move { orders.update(&placed.id, status, &placed.etag).await }
    });
    let outcomes = world.at_the_same_moment(16, calls).await;
    let (changed, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(changed.len(), 1);
    for outcome in refused {
        assert_eq!(refusal(outcome).code, Code::ETAG_MISMATCH);
    }
    assert_eq!(orders.get(&placed.id).await.unwrap().version, 2);
    world.stop().await;
}
