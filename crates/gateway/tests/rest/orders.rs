//! Orders, from placement to their end.

use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::{Answer, Api};

fn order(customer: &str) -> Value {
    json!({
        "customer": customer, "currency": "EUR",
        "lines": [
            { "sku": "chair", "quantity": 2, "unit_price_minor": 4_950 },
            { "sku": "table", "quantity": 1, "unit_price_minor": 19_900 },
        ],
    })
}

async fn place(api: &Api, customer: &str) -> Answer {
    api.post("/v1/orders", &order(customer)).expect(201).await
}

fn path(order: &Answer) -> String {
    order.header("location").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_and_read() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (acme, globex) = (api.with_token(acme.token), api.with_token(globex.token));

    let placed = place(&acme, "Alice").await;
    let body = &placed.body;
    assert_eq!(path(&placed), format!("/v1/orders/{}", body["id"].as_str().unwrap()));
    assert_eq!(placed.header("etag"), "\"1\"");
    assert_eq!((&body["number"], &body["version"]), (&json!(1), &json!(1)));
    assert_eq!((&body["customer"], &body["currency"]), (&json!("Alice"), &json!("EUR")));
    assert_eq!((&body["status"], &body["total_minor"]), (&json!("placed"), &json!(29_800)));
    assert_eq!(body["priority"], "normal");
    assert_eq!(body["lines"], order("Alice")["lines"]);
    assert_eq!(body["created_at"], body["updated_at"]);

    let read = acme.get(path(&placed)).expect(200).await;
    assert_eq!((read.body, read.headers["etag"].clone()), (body.clone(), placed.headers["etag"].clone()));
    for (tags, status) in
        [("\"1\"", 304), ("W/\"1\"", 304), ("\"0\", \"1\"", 304), ("*", 304), ("\"2\"", 200)]
    {
        let answer = acme.get(path(&placed)).header("if-none-match", tags).expect(status).await;
        assert_eq!((answer.header("etag"), answer.text.is_empty()), ("\"1\"", status == 304), "{tags}");
    }

    // Each tenant has its own numbers.
    assert_eq!(place(&acme, "Bob").await.body["number"], 2);
    assert_eq!(place(&globex, "Gina").await.body["number"], 1);
    assert_eq!(place(&acme, "Carol").await.body["number"], 3);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(acme.token);
    let line = |quantity: i64, price: i64| json!([{ "sku": "chair", "quantity": quantity, "unit_price_minor": price }]);
    let sku = |sku: &str| json!([{ "sku": sku, "quantity": 1, "unit_price_minor": 1 }]);
    let long = "x".repeat(100_000);
    for (field, value, named) in [
        ("customer", json!(""), "customer"),
        ("customer", json!(long), "customer"),
        ("customer", json!("a\0b"), "customer"),
        ("currency", json!("eur"), "currency"),
        ("currency", json!("EURO"), "currency"),
        ("currency", json!("ABC"), "currency"),
        ("currency", json!(long), "currency"),
        ("lines", json!([]), "lines"),
        ("lines", Value::Array(vec![sku("a")[0].clone(); 201]), "lines"),
        ("lines", line(0, 1), "lines[0].quantity"),
        ("lines", line(-1, 1), "lines[0].quantity"),
        ("lines", line(1_000_001, 1), "lines[0].quantity"),
        ("lines", line(i64::MIN, 1), "lines[0].quantity"),
        ("lines", line(1, -1), "lines[0].unit_price_minor"),
        ("lines", sku(""), "lines[0].sku"),
        ("lines", sku("a\0"), "lines[0].sku"),
        ("lines", sku(&long), "lines[0].sku"),
    ] {
        let mut body = order("Alice");
        body[field] = value;
        let refused = api.post("/v1/orders", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [named], "{}", refused.text);
    }
    // Too large for a number, as a price or as a total.
    for lines in [
        line(2, i64::MAX),
        line(1_000_000, i64::MAX / 1_000),
        Value::Array(vec![line(1_000_000, 9_000_000_000_000)[0].clone(); 200]),
    ] {
        let mut body = order("Alice");
        body["lines"] = lines;
        let refused = api.post("/v1/orders", &body).refused(400, "invalid_argument").await;
        assert!(refused.fields()[0].starts_with("lines"), "{}", refused.text);
    }
    let list = api.get("/v1/orders").expect(200).await;
    assert_eq!(list.body, json!({ "orders": [], "next_page_token": "" }));
    let mut free = order("Ünïcode — ✓ 漢字 \"quoted\" <b>");
    free["lines"] = line(1, 0);
    let free = api.post("/v1/orders", &free).expect(201).await;
    assert_eq!(
        (&free.body["number"], &free.body["total_minor"]),
        (&json!(1), &json!(0)),
        "refused orders take no number"
    );
    assert_eq!(free.body["customer"], "Ünïcode — ✓ 漢字 \"quoted\" <b>");
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_from_the_newest_to_the_oldest() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(acme.token);
    for number in 1..=7 {
        let placed = place(&api, &format!("customer {number}")).await;
        if number % 2 == 0 {
            api.patch(path(&placed), &json!({ "status": "paid" })).expect(200).await;
        }
    }
    let pages = async |query: &str| {
        let (mut numbers, mut token) = (Vec::new(), String::new());
        loop {
            let page = api.get(format!("/v1/orders?{query}&page_token={token}")).expect(200).await;
            let orders = page.body["orders"].as_array().unwrap();
            numbers.push(orders.iter().map(|order| order["number"].as_i64().unwrap()).collect::<Vec<_>>());
            token = page.body["next_page_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                break numbers;
            }
        }
    };
    assert_eq!(pages("page_size=3").await, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    assert_eq!(pages("").await, [vec![7, 6, 5, 4, 3, 2, 1]]);
    assert_eq!(pages("page_size=1000").await, [vec![7, 6, 5, 4, 3, 2, 1]]);
    assert_eq!(pages("page_size=2&status=paid").await, [vec![6, 4], vec![2]]);
    assert_eq!(pages("status=placed").await, [vec![7, 5, 3, 1]]);
    assert_eq!(pages("status=cancelled").await, [Vec::<i64>::new()]);

    let first = api.get("/v1/orders?page_size=2&status=paid").expect(200).await;
    let token = first.body["next_page_token"].as_str().unwrap();
    for query in [
        format!("page_token={token}"),
        format!("page_token={token}&status=placed"),
        format!("page_token={token}x&status=paid"),
        "page_token=garbage".to_owned(),
        "page_token=%00".to_owned(),
        format!("page_token={}", "a".repeat(5_000)),
    ] {
        let refused = api.get(format!("/v1/orders?{query}")).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["page_token"], "{query}");
    }
    let refused = api.get("/v1/orders?page_size=-1").refused(400, "invalid_argument").await;
    assert_eq!(refused.fields(), ["page_size"]);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_follows_its_path_and_changes_only_what_was_seen() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(acme.token);
    let set = |order: &Answer, status: &str| api.patch(path(order), &json!({ "status": status }));

    let order = place(&api, "Alice").await;
    let paid = set(&order, "paid").header("if-match", "\"1\"").expect(200).await;
    assert_eq!((paid.header("etag"), &paid.body["version"]), ("\"2\"", &json!(2)));
    assert_eq!((&paid.body["status"], &paid.body["id"]), (&json!("paid"), &order.body["id"]));
    assert_eq!(api.get(path(&order)).expect(200).await.body, paid.body);
    for stale in ["\"1\"", "W/\"2\"", "\"99\"", "\"\"", "\"1\", W/\"2\", \"3\""] {
        set(&order, "fulfilled").header("if-match", stale).refused(412, "etag_mismatch").await;
    }
    let high = json!({ "priority": "high" });
    let one_of = api.patch(path(&order), &high).header("if-match", "\"0\", \"2\"").expect(200).await;
    assert_eq!(one_of.header("etag"), "\"3\"");
    set(&order, "fulfilled").header("if-match", "*").expect(200).await;
    for status in ["placed", "paid", "cancelled"] {
        let refused = set(&order, status).send().await;
        assert!(matches!(refused.status, 400 | 409), "{status}: {}", refused.text);
    }
    let cancelled = place(&api, "Bob").await;
    set(&cancelled, "cancelled").expect(200).await;
    set(&cancelled, "paid").refused(409, "order_transition_not_allowed").await;
    set(&place(&api, "Carol").await, "fulfilled").refused(409, "order_transition_not_allowed").await;
    let refused = api.patch(path(&order), &json!({})).refused(400, "invalid_argument").await;
    assert_eq!(refused.fields(), ["status"]);
    for body in [
        json!({ "status": "lost" }),
        json!({ "status": "paid", "priority": null }),
        json!({ "priority": "urgent" }),
        json!({ "status": "paid", "priority": 3 }),
        json!({ "status": 1 }),
        json!({ "status": "paid", "customer": "Eve" }),
    ] {
        api.patch(path(&order), &body).refused(400, "invalid_argument").await;
    }

    // Of concurrent changes of the same version, one succeeds.
    let contested = place(&api, "Dora").await;
    let changes = (0..16).map(|_| {
        let (api, path) = (api.clone(), path(&contested));
        tokio::spawn(async move {
            api.patch(path, &json!({ "status": "paid" })).header("if-match", "\"1\"").send().await.status
        })
    });
    let mut statuses = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        statuses.push(change.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_a_priority() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (acme, globex) = (api.with_token(acme.token), api.with_token(globex.token));
    for priority in ["low", "normal", "high"] {
        let mut body = order("Alice");
        body["priority"] = priority.into();
        let placed = acme.post("/v1/orders", &body).expect(201).await;
        assert_eq!(placed.body["priority"], priority);
    }
    let placed = place(&acme, "Bob").await;
    let urgent = json!({ "priority": "high" });
    globex.patch(path(&placed), &urgent).refused(404, "order_not_found").await;
    acme.patch(path(&placed), &urgent).header("if-match", "\"2\"").refused(412, "etag_mismatch").await;
    let changed = acme.patch(path(&placed), &urgent).header("if-match", "\"1\"").expect(200).await;
    assert_eq!((changed.header("etag"), &changed.body["version"]), ("\"2\"", &json!(2)));
    assert_eq!((&changed.body["priority"], &changed.body["status"]), (&json!("high"), &json!("placed")));
    assert_eq!(acme.get(path(&placed)).expect(200).await.body, changed.body);
    let both = json!({ "status": "paid", "priority": "low" });
    let both = acme.patch(path(&placed), &both).expect(200).await;
    assert_eq!((&both.body["priority"], &both.body["status"]), (&json!("low"), &json!("paid")));
    let refused = json!({ "status": "placed", "priority": "high" });
    acme.patch(path(&placed), &refused).refused(409, "order_transition_not_allowed").await;
    let listed = acme.get("/v1/orders?page_size=1").expect(200).await;
    assert_eq!(listed.body["orders"], json!([both.body]));
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_order_is_no_order() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (acme, globex) = (api.with_token(acme.token), api.with_token(globex.token));
    let (own, foreign) = (place(&acme, "Alice").await, path(&place(&globex, "Gina").await));
    let missing = "/v1/orders/01990a5d-ac96-774b-bcce-b302099a8057";
    let paid = json!({ "status": "paid" });

    let (one, other) = (acme.get(&foreign), acme.get(missing));
    let (one, other) =
        (one.refused(404, "order_not_found").await, other.refused(404, "order_not_found").await);
    assert_eq!(one.text, other.text);
    for tag in ["", "\"1\"", "\"9\"", "*"] {
        let change = |path: &str| {
            let request = acme.patch(path, &paid);
            if tag.is_empty() { request } else { request.header("if-match", tag) }
        };
        let (one, other) = (change(&foreign), change(missing));
        let (one, other) =
            (one.refused(404, "order_not_found").await, other.refused(404, "order_not_found").await);
        assert_eq!(one.text, other.text);
    }
    let list = acme.get("/v1/orders").expect(200).await;
    assert_eq!(list.body["orders"], json!([own.body]));
    assert_eq!(globex.get(&foreign).expect(200).await.body["status"], "placed");

    for strange in ["1", "%00", "%ff", "..%2f..", "01990a5d-ac96-774b-bcce-b302099a805", "'%20OR%201=1%20--"]
    {
        let answer = acme.get(format!("/v1/orders/{strange}")).send().await;
        assert!((400..500).contains(&answer.status), "{strange}: {}", answer.text);
    }
    system.shutdown().await;
}
