//! Lists, page by page.

use rowhouse_proto::orders::v1::{CreateOrderRequest, ListOrdersRequest, Order, OrderStatus};

use crate::world::{Orders, World, an_order, line, wrong_fields};

fn first_page(page_size: i32) -> ListOrdersRequest {
    ListOrdersRequest { page_size, ..ListOrdersRequest::default() }
}

/// Returns all pages of a list. Only the last one may be empty.
async fn all_pages(orders: &Orders, mut request: ListOrdersRequest) -> Vec<Vec<Order>> {
    let mut pages = Vec::new();
    loop {
        let page = orders.list(request.clone()).await.unwrap();
        pages.push(page.orders);
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

fn numbers(pages: &[Vec<Order>]) -> Vec<i64> {
    pages.iter().flatten().map(|order| order.number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_everything_once_from_the_newest_on() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    assert_eq!(all_pages(&orders, first_page(0)).await, [Vec::new()], "nothing is a page as well");
    for _ in 0..23 {
        orders.create(an_order()).await.unwrap();
    }
    let newest_first: Vec<i64> = (1..=23).rev().collect();
    for (size, pages) in
        [(0, vec![20, 3]), (1, vec![1; 23]), (10, vec![10, 10, 3]), (23, vec![23]), (1000, vec![23])]
    {
        let found = all_pages(&orders, first_page(size)).await;
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), pages, "of size {size}");
        assert_eq!(numbers(&found), newest_first, "of size {size}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_come_meanwhile_disturb_nothing() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    for _ in 0..30 {
        orders.create(an_order()).await.unwrap();
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let busy = tokio::spawn({
        let orders = orders.clone();
        async move {
            let mut stopped = stopped;
            while stopped.try_recv().is_err() {
                orders.create(an_order()).await.unwrap();
            }
        }
    });
    for _ in 0..5 {
        let seen = numbers(&all_pages(&orders, first_page(7)).await);
        let newest = seen[0];
        assert!(newest >= 30);
        assert_eq!(seen, (1..=newest).rev().collect::<Vec<_>>());
    }
    stop.send(()).unwrap();
    busy.await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_one_status_has_pages_of_its_own() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    for number in 1..=20 {
        let id = orders.create(an_order()).await.unwrap().id;
        if number % 2 == 0 {
            orders.update(&id, OrderStatus::Paid, "").await.unwrap();
        }
    }
    let paid = ListOrdersRequest { status: OrderStatus::Paid.into(), ..first_page(4) };
    let found = all_pages(&orders, paid.clone()).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(numbers(&found), (1..=10).rev().map(|half| half * 2).collect::<Vec<_>>());
    assert!(found.iter().flatten().all(|order| order.status() == OrderStatus::Paid));
    let cancelled = ListOrdersRequest { status: OrderStatus::Cancelled.into(), ..first_page(4) };
    assert_eq!(all_pages(&orders, cancelled).await, [Vec::new()]);

    let token = orders.list(paid).await.unwrap().next_page_token;
    for status in [OrderStatus::Unspecified, OrderStatus::Placed] {
        let request = ListOrdersRequest { page_token: token.clone(), status: status.into(), ..first_page(4) };
        assert_eq!(wrong_fields(orders.list(request).await), ["page_token"]);
    }
    world.stop().await;
}

/// Each order comes with its own lines, in their order.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_what_get_shows() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    for count in [1, 200, 3] {
        let lines = (0..count).rev().map(|index| line(&format!("part {index}"), index + 1, index)).collect();
        orders.create(CreateOrderRequest { lines, ..an_order() }).await.unwrap();
    }
    let listed = orders.list(first_page(0)).await.unwrap().orders;
    assert_eq!(listed.iter().map(|order| order.lines.len()).collect::<Vec<_>>(), [3, 200, 1]);
    for order in listed {
        assert_eq!(orders.get(&order.id).await.unwrap(), order);
    }
    world.stop().await;
}

/// A hundred of the longest orders would exceed the size that a gRPC client accepts.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_longest_orders_can_be_received() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let lines = vec![line(&"\u{1f600}".repeat(64), 1, 1); 200];
    for _ in 0..30 {
        orders.create(CreateOrderRequest { lines: lines.clone(), ..an_order() }).await.unwrap();
    }
    let pages = all_pages(&orders, first_page(100)).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [25, 5]);
    assert_eq!(numbers(&pages), (1..=30).rev().collect::<Vec<_>>());
    world.stop().await;
}
