//! Calls that are repeated with an idempotency key.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::{Answer, Api};

fn order(customer: &str) -> Value {
    json!({ "customer": customer, "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] })
}

fn company(name: &str, email: &str, password: &str) -> Value {
    json!({ "name": name, "admin": { "email": email, "password": password } })
}

/// Sends the same request many times at once. A request that meets another one in progress may be asked to retry.
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

    // Another tenant's keys are separate.
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

    // A guessed key without the address finds nothing; with the address, the password is missing.
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

/// Each call creates something once, and returns the same answer twice.
#[tokio::test(flavor = "multi_thread")]
async fn every_creating_call_can_be_repeated() {
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
        // One key for all of them, since each address has its own keys.
        let first = ada.post(path, &body).header("idempotency-key", "key-1").send().await;
        assert!([201, 202].contains(&first.status), "{path}: {}", first.text);
        let again = ada.post(path, &body).header("idempotency-key", "key-1").send().await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
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

/// A second rotation would end the secret that the receiver knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_rotation_and_a_repeated_test_are_the_first_ones() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let endpoint = json!({ "url": "http://127.0.0.1:9", "events": ["*"] });
    let endpoint = ada.post("/v1/webhook-endpoints", &endpoint).expect(201).await;
    let [rotate, test] =
        ["rotate-secret", "test"].map(|what| format!("{}/{what}", endpoint.path_in("/v1/webhook-endpoints")));
    let call = async |path: &str, body: &Value, key: &str| {
        ada.post(path, body).header("idempotency-key", key).send().await
    };

    let first = call(&rotate, &json!({}), "key-1").await;
    let again = call(&rotate, &json!({}), "key-1").await;
    assert_eq!((first.status, again.status, &again.body), (200, 200, &first.body), "{}", first.text);
    let listed = ada.get("/v1/webhook-endpoints").expect(200).await;
    let until = &listed.body["webhook_endpoints"][0]["previous_secret_expires_at"];
    assert_eq!(until, &first.body["previous_secret_expires_at"], "rotated once");
    let other = call(&rotate, &json!({ "overlap_seconds": 1 }), "key-1").await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_key_reused")));

    let first = call(&test, &json!({}), "key-1").await;
    let again = call(&test, &json!({}), "key-1").await;
    assert_eq!((first.status, again.status, &again.body), (202, 202, &first.body), "{}", first.text);
    let deliveries = ada.get("/v1/webhook-deliveries").expect(200).await;
    assert_eq!(deliveries.body["webhook_deliveries"].as_array().unwrap().len(), 1);
    for path in [rotate, test] {
        let wrong = ada.post(path, &json!({})).header("idempotency-key", "a b");
        assert_eq!(wrong.refused(400, "invalid_argument").await.fields(), ["Idempotency-Key"]);
    }
    system.shutdown().await;
}

/// Ends the services' connections that wait for a lock.
const END_WAITING: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND usename LIKE 'rowhouse\\_%' AND wait_event_type = 'Lock'";

/// A failed call does not use the key up: the same call does the work. Until the first one has ended, a repeat is
/// asked to retry.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_failed_can_be_repeated_with_its_key() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let endpoint = json!({ "url": "http://127.0.0.1:9", "events": ["order.updated"] });
    let made = ada.post("/v1/webhook-endpoints", &endpoint).expect(201).await;
    let [rotate, test] =
        ["rotate-secret", "test"].map(|what| format!("{}/{what}", made.path_in("/v1/webhook-endpoints")));
    let mut admin = system.database().admin().await;
    let mut observer = system.database().admin().await;
    for (path, body, created) in [
        ("/v1/orders", order("Alice"), 201),
        ("/v1/invitations", json!({ "email": "bob@acme.example", "role": "viewer" }), 201),
        ("/v1/api-keys", json!({ "name": "one", "scopes": ["orders:read"] }), 201),
        ("/v1/webhook-endpoints", endpoint.clone(), 201),
        ("/v1/exports", json!({ "resource": "orders", "format": "csv" }), 202),
        (&rotate, json!({}), 200),
        (&test, json!({}), 202),
    ] {
        // Answers can be read but not stored.
        let lock = "BEGIN; LOCK TABLE orders.idempotency_keys, auth.idempotency_keys IN EXCLUSIVE MODE";
        admin.batch_execute(lock).await.unwrap();
        let call = || ada.post(path, &body).header("idempotency-key", "key-1").send();
        let ending = async {
            loop {
                observer.batch_execute(END_WAITING).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let calls = async { tokio::join!(call(), call()) };
        let (first, second) = tokio::select! { answers = calls => answers, () = ending => unreachable!() };
        for failed in [first, second] {
            assert_eq!(failed.status, 503, "{path}: {}", failed.text);
            assert!(!failed.header("retry-after").is_empty());
        }
        admin.batch_execute("ROLLBACK").await.unwrap();

        let done = loop {
            let answer = call().await;
            // The pool may still have some of the ended connections.
            if answer.status != 503 {
                break answer;
            }
        };
        assert_eq!(done.status, created, "{path}: {}", done.text);
        assert_eq!(call().await.body, done.body, "{path}");
    }
    for (path, list, count) in [
        ("/v1/orders", "orders", 1),
        ("/v1/invitations", "invitations", 1),
        ("/v1/api-keys", "api_keys", 1),
        ("/v1/webhook-endpoints", "webhook_endpoints", 2),
        ("/v1/webhook-deliveries", "webhook_deliveries", 1),
    ] {
        let listed = ada.get(path).expect(200).await;
        assert_eq!(listed.body[list].as_array().unwrap().len(), count, "{path}");
    }
    system.shutdown().await;
}
