//! Calls that are repeated with an idempotency key.

use reqwest::Method;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::{Answer, Api};

fn order(customer: &str) -> Value {
    json!({ "customer": customer, "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] })
}

fn company(name: &str, email: &str, password: &str) -> Value {
    json!({ "name": name, "admin": { "email": email, "password": password } })
}

/// Sends the same request many times at once. Who meets another call in progress may be told to come back.
async fn at_once(api: &Api, path: &'static str, body: &Value, key: &'static str) -> Vec<Answer> {
    let call = || {
        let (api, body) = (api.clone(), body.clone());
        tokio::spawn(async move {
            loop {
                let answer = api.post(path, &body).header("idempotency-key", key).send().await;
                if answer.status != 503 {
                    break answer;
                }
            }
        })
    };
    let calls: Vec<_> = (0..16).map(|_| call()).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_order_is_the_first_one() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (acme, globex) = (api.with_token(acme.token), api.with_token(globex.token));
    let place = |api: &Api, customer: &str, key: &str| {
        let (api, body, key) = (api.clone(), order(customer), key.to_owned());
        async move { api.post("/v1/orders", &body).header("idempotency-key", key).send().await }
    };

    let first = place(&acme, "Alice", "key-1").await;
    assert_eq!(first.status, 201);
    let location = first.header("location");
    acme.patch(location, &json!({ "status": "paid" })).expect(200).await;
    let again = place(&acme, "Alice", "key-1").await;
    assert_eq!((again.status, &again.body), (201, &first.body), "the first answer, not the order of now");
    for name in ["etag", "location"] {
        assert_eq!(again.header(name), first.header(name));
    }
    let other = place(&acme, "Bob", "key-1").await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(place(&acme, "Alice", "key-2").await.body["number"], 2);

    // Another tenant's keys are its own.
    let foreign = place(&globex, "Alice", "key-1").await;
    assert_eq!((foreign.status, &foreign.body["number"]), (201, &json!(1)));
    assert_ne!(foreign.body["id"], first.body["id"]);

    let answers = at_once(&acme, "/v1/orders", &order("Carol"), "key-3").await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    let list = acme.get("/v1/orders").expect(200).await;
    assert_eq!(list.body["orders"].as_array().unwrap().len(), 3);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_onboarding_is_the_first_one() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    let (email, password) = ("ada@acme.example", "correct horse battery");
    let onboard = |body: Value, key: &str| {
        let (api, key) = (api.clone(), key.to_owned());
        async move { api.post("/v1/tenants", &body).header("idempotency-key", key).send().await }
    };

    let first = onboard(company("Acme", email, password), "key-1").await;
    assert_eq!(first.status, 201);
    let again = onboard(company("Acme", email, password), "key-1").await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other = onboard(company("Another", email, password), "key-1").await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_key_reused")));

    // Who guesses the key, but not the address, finds nothing; with the address as well, the password is missing.
    let stranger = onboard(company("Acme", "eve@evil.example", password), "key-1").await;
    assert_eq!(stranger.status, 201);
    assert_ne!(stranger.body["tenant"]["id"], first.body["tenant"]["id"]);
    let guessed = onboard(company("Acme", email, "another horse"), "key-1").await;
    assert_eq!((guessed.status, &guessed.body["code"]), (422, &json!("idempotency_key_reused")));

    let body = company("Globex", "gina@globex.example", password);
    let answers = at_once(&api, "/v1/tenants", &body, "key-2").await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    system.shutdown().await;
}

/// Each creates something once, and says so twice.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_creates_something_can_be_repeated() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let invitation = |role: &str| json!({ "email": "bob@acme.example", "role": role });
    let key = |name: &str| json!({ "name": name, "scopes": ["orders:read"] });
    let endpoint = |url: &str| json!({ "url": url, "events": ["*"] });
    let export = |format: &str| json!({ "resource": "orders", "format": format });
    for (path, body, other, list) in [
        ("/v1/invitations", invitation("viewer"), invitation("member"), Some("invitations")),
        ("/v1/api-keys", key("one"), key("other"), Some("api_keys")),
        (
            "/v1/webhook-endpoints",
            endpoint("https://example.com/1"),
            endpoint("https://example.com/2"),
            Some("webhook_endpoints"),
        ),
        ("/v1/exports", export("csv"), export("jsonl"), None),
    ] {
        // One key for all of them: each address has its own.
        let first = ada.post(path, &body).header("idempotency-key", "key-1").send().await;
        assert!([201, 202].contains(&first.status), "{path}: {}", first.text);
        let again = ada.post(path, &body).header("idempotency-key", "key-1").send().await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
        assert_eq!(again.header("location"), first.header("location"), "{path}");
        let reused = ada.post(path, &other).header("idempotency-key", "key-1");
        reused.refused(422, "idempotency_key_reused").await;
        let wrong = ada.post(path, &body).header("idempotency-key", "a b").refused(400, "invalid_argument");
        assert_eq!(wrong.await.fields(), ["Idempotency-Key"], "{path}");
        if let Some(list) = list {
            let listed = ada.get(path).expect(200).await;
            assert_eq!(listed.body[list].as_array().unwrap().len(), 1, "{path}");
        }
    }
    system.shutdown().await;
}

/// A test event has no body: its address is what tells one request from another.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_test_event_is_sent_once() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let mut paths = Vec::new();
    for number in 0..2 {
        let endpoint = json!({ "url": format!("http://127.0.0.1:9/{number}"), "events": ["*"] });
        let made = ada.post("/v1/webhook-endpoints", &endpoint).expect(201).await;
        paths.push(format!("/v1/webhook-endpoints/{}/test", made.body["id"].as_str().unwrap()));
    }
    let test = |path: &str| ada.request(Method::POST, path.to_owned()).header("idempotency-key", "key-1");
    let first = test(&paths[0]).expect(202).await;
    let again = test(&paths[0]).expect(202).await;
    assert_eq!(again.body, first.body, "the first answer, whatever became of the delivery since");
    test(&paths[1]).refused(422, "idempotency_key_reused").await;
    let wrong = ada.request(Method::POST, paths[0].clone()).header("idempotency-key", "a b");
    assert_eq!(wrong.refused(400, "invalid_argument").await.fields(), ["Idempotency-Key"]);
    let sent = ada.get("/v1/webhook-deliveries").expect(200).await;
    assert_eq!(sent.body["webhook_deliveries"].as_array().unwrap().len(), 1);
    // Without a key, each call is another event.
    ada.request(Method::POST, paths[0].clone()).expect(202).await;
    let sent = ada.get("/v1/webhook-deliveries").expect(200).await;
    assert_eq!(sent.body["webhook_deliveries"].as_array().unwrap().len(), 2);
    system.shutdown().await;
}
