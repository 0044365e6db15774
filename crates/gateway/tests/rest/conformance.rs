//! Behaviour that HTTP clients expect of any server: compression, conditional reads, limits of addresses, media types of changes.

use reqwest::Method;
use serde_json::json;

use crate::alone::Alone;
use crate::api::Api;
use crate::schema;
use rowhouse_testkit::TestSystem;

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_compressed_and_answers_with_secrets_are_not() {
    let gateway = Alone::start().await;
    let api = &gateway.api;
    let document = api.get("/openapi.json").header("accept-encoding", "gzip").send().await;
    assert_eq!(document.header("content-encoding"), "gzip");
    assert!(!document.has("content-length"));
    let login = json!({ "email": "ada@acme.example", "password": "correct horse battery" });
    let refused = api.post("/v1/auth/login", &login).header("accept-encoding", "gzip").send().await;
    assert!(!refused.has("content-encoding"), "{}", refused.text);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_sent_once() {
    let gateway = Alone::start().await;
    let first = gateway.api.get("/openapi.json").expect(200).await;
    let etag = first.header("etag").to_owned();
    let again = gateway.api.get("/openapi.json").header("if-none-match", &etag).send().await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), etag);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_too_long_is_refused() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    let long = |length: usize| format!("/v1/orders?page_token={}", "a".repeat(length - 22));
    let refused = api.get(long(8193)).send().await;
    assert_eq!((refused.status, &refused.body["code"]), (414, &json!("uri_too_long")));
    schema::check(&api.document, "Problem", &refused.body, "414");
    api.get(long(8192)).expect(503).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_may_be_a_merge_patch() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 1 }]);
    let order = json!({ "customer": "Alice", "currency": "EUR", "lines": lines });
    let order = ada.post("/v1/orders", &order).expect(201).await;
    let change = |method, body: &serde_json::Value| {
        let request = ada.request(method, order.header("location"));
        request.body("application/merge-patch+json", body.to_string())
    };
    let changed = change(Method::PATCH, &json!({ "status": "paid" })).expect(200).await;
    assert_eq!(changed.text("status"), "paid");
    let null = change(Method::PATCH, &json!({ "status": null })).refused(400, "invalid_argument").await;
    assert_eq!(null.fields(), ["status"]);
    let created = ada.request(Method::POST, "/v1/orders").body("application/merge-patch+json", "{}");
    created.refused(415, "unsupported_media_type").await;
    system.shutdown().await;
}
