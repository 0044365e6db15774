//! Invalid requests are reported by field, and never as internal failures.

use rowhouse_proto::orders::v1::{
    CreateOrderRequest, ListOrdersRequest, OrderLine, OrderStatus, UpdateOrderRequest,
};

use crate::world::{World, an_order, line, wrong_fields};

const MAX: i64 = (1 << 53) - 1;

fn of_customer(customer: &str) -> CreateOrderRequest {
    CreateOrderRequest { customer: customer.to_owned(), ..an_order() }
}

fn in_currency(currency: &str) -> CreateOrderRequest {
    CreateOrderRequest { currency: currency.to_owned(), ..an_order() }
}

fn with_lines(lines: Vec<OrderLine>) -> CreateOrderRequest {
    CreateOrderRequest { lines, ..an_order() }
}

fn with_key(key: &str) -> CreateOrderRequest {
    CreateOrderRequest { idempotency_key: Some(key.to_owned()), ..an_order() }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_cannot_be_placed() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let nothing = CreateOrderRequest::default();
    let mut all_at_once = with_lines(vec![line("chair", 1, 1), line("", 0, -1)]);
    all_at_once.customer = "\0".to_owned();
    for (request, fields) in [
        (nothing, vec!["customer", "currency", "lines"]),
        (of_customer(""), vec!["customer"]),
        (of_customer(" \t\n"), vec!["customer"]),
        (of_customer("Ada\0"), vec!["customer"]),
        (of_customer("\u{200b}\u{200b}"), vec!["customer"]),
        (of_customer("\u{2800}"), vec!["customer"]),
        (of_customer("Acme\u{202e}gnp.exe"), vec!["customer"]),
        (of_customer("\u{2066}Acme"), vec!["customer"]),
        (with_lines(vec![line("\u{3164}", 1, 1)]), vec!["lines[0].sku"]),
        (of_customer("Ada\r\nGrace"), vec!["customer"]),
        (of_customer(&"a".repeat(201)), vec!["customer"]),
        (of_customer(&"a".repeat(900_000)), vec!["customer"]),
        (in_currency("eur"), vec!["currency"]),
        (in_currency("XXX"), vec!["currency"]),
        (in_currency("EUR\0"), vec!["currency"]),
        (in_currency("'; DROP TABLE orders.orders; --"), vec!["currency"]),
        (with_lines(vec![]), vec!["lines"]),
        (with_lines(vec![line("chair", 1, 1); 201]), vec!["lines"]),
        (with_lines(vec![OrderLine::default(); 20_000]), vec!["lines"]),
        (with_lines(vec![line("chair", 1, MAX), line("chair", 1, 1)]), vec!["lines"]),
        (with_lines(vec![line("chair", 1_000_000, MAX); 200]), vec!["lines"]),
        (with_lines(vec![line("", 1, 1)]), vec!["lines[0].sku"]),
        (with_lines(vec![line(&"s".repeat(65), 1, 1)]), vec!["lines[0].sku"]),
        (with_lines(vec![line("a\0b", 1, 1)]), vec!["lines[0].sku"]),
        (with_lines(vec![line("chair", 0, 1)]), vec!["lines[0].quantity"]),
        (with_lines(vec![line("chair", -1, 1)]), vec!["lines[0].quantity"]),
        (with_lines(vec![line("chair", 1_000_001, 1)]), vec!["lines[0].quantity"]),
        (
            with_lines(vec![line("chair", i64::MAX, i64::MAX)]),
            vec!["lines[0].quantity", "lines[0].unit_price_minor"],
        ),
        (with_lines(vec![line("chair", 1, -1)]), vec!["lines[0].unit_price_minor"]),
        (with_lines(vec![line("chair", 1, MAX + 1)]), vec!["lines[0].unit_price_minor"]),
        (with_key(""), vec!["idempotency_key"]),
        (with_key("mon day"), vec!["idempotency_key"]),
        (with_key("montäg"), vec!["idempotency_key"]),
        (with_key(&"k".repeat(256)), vec!["idempotency_key"]),
        (all_at_once, vec!["customer", "lines[1].sku", "lines[1].quantity", "lines[1].unit_price_minor"]),
    ] {
        let shown: String = format!("{request:?}").chars().take(300).collect();
        assert_eq!(wrong_fields(orders.create(request).await), fields, "{shown}");
    }
    assert_eq!(orders.create(an_order()).await.unwrap().number, 1, "nothing of it was placed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_orders_that_can_be_placed() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    for request in [
        of_customer("'; DROP TABLE orders.orders; --"),
        of_customer(&"\u{1f600}".repeat(200)),
        of_customer("שלום $1 \\x00 %s"),
        with_lines(vec![line(&"\u{1f600}".repeat(64), 1, 1); 200]),
        with_lines(vec![line("{\"a\",NULL}", 1, 0), line("NULL", 1, 0), line("\\", 1_000_000, 0)]),
        with_lines(vec![line("chair", 1, MAX)]),
        with_key(&"~".repeat(255)),
    ] {
        let placed = orders.create(request.clone()).await.unwrap();
        assert_eq!(placed.customer, request.customer);
        assert_eq!(placed.lines, request.lines);
        assert_eq!(orders.get(&placed.id).await.unwrap(), placed);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_statuses_and_pages_that_cannot_be() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let id = orders.create(an_order()).await.unwrap().id;
    for wrong in ["", "1", "\0", "null", "../../etc/passwd", "' OR true --", &id[1..], &"a".repeat(100_000)] {
        assert_eq!(wrong_fields(orders.get(wrong).await), ["id"], "{wrong:.50}");
        assert_eq!(wrong_fields(orders.update(wrong, OrderStatus::Paid, "").await), ["id"], "{wrong:.50}");
    }
    for status in [0, -1, 5, i32::MAX] {
        let request = UpdateOrderRequest { id: id.clone(), status, ..UpdateOrderRequest::default() };
        assert_eq!(wrong_fields(orders.send_update(request).await), ["status"], "{status}");
    }
    for priority in [-1, 4, i32::MAX] {
        let request = UpdateOrderRequest { id: id.clone(), priority, ..UpdateOrderRequest::default() };
        assert_eq!(wrong_fields(orders.send_update(request).await), ["priority"], "{priority}");
        let request = CreateOrderRequest { priority, ..an_order() };
        assert_eq!(wrong_fields(orders.create(request).await), ["priority"], "{priority}");
    }
    let huge = "A".repeat(100_000);
    for (page_size, page_token, status, fields) in [
        (-1, "", 0, vec!["page_size"]),
        (i32::MIN, "", 0, vec!["page_size"]),
        (0, "x", 0, vec!["page_token"]),
        (0, "AQAAAAAAAAAAAA", 0, vec!["page_token"]),
        (0, &huge, 0, vec!["page_token"]),
        (0, "", 5, vec!["status"]),
        (-1, "", -1, vec!["page_size", "status"]),
    ] {
        let request = ListOrdersRequest { page_size, page_token: page_token.to_owned(), status };
        assert_eq!(wrong_fields(orders.list(request).await), fields);
    }
    world.stop().await;
}
