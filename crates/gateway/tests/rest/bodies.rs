//! Bodies that are refused without a call. The services are not running: a forwarded request ends in 503.

use reqwest::Method;
use serde_json::{Value, json};

use crate::alone::Alone;
use crate::api::{Answer, Api, Request};

fn order() -> Value {
    json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 2, "unit_price_minor": 4950 }] })
}

fn post(api: &Api, body: impl Into<reqwest::Body>) -> Request<'_> {
    api.request(Method::POST, "/v1/orders").body("application/json", body)
}

async fn wrong(api: &Api, body: impl Into<reqwest::Body>) -> Answer {
    post(api, body).refused(400, "invalid_argument").await
}

async fn malformed(api: &Api, body: impl Into<reqwest::Body>) -> Answer {
    post(api, body).refused(400, "malformed_json").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_exactly_the_json_that_is_expected() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    post(&api, order().to_string()).expect(503).await;

    for (field, value, named) in [
        ("customer", json!(null), "customer"),
        ("customer", json!(["Alice"]), "customer"),
        ("currency", json!(978), "currency"),
        ("lines", json!({}), "lines"),
        ("lines", json!([["chair", 2, 4950]]), "lines[0]"),
        ("lines", json!([{ "sku": "chair", "quantity": 1.5, "unit_price_minor": 1 }]), "lines[0].quantity"),
        ("lines", json!([{ "sku": "chair", "quantity": 1.0, "unit_price_minor": 1 }]), "lines[0].quantity"),
        ("lines", json!([{ "sku": "chair", "quantity": "1", "unit_price_minor": 1 }]), "lines[0].quantity"),
        (
            "lines",
            json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": u64::MAX }]),
            "lines[0].unit_price_minor",
        ),
        ("lines", json!([{ "sku": "chair", "quantity": 1 }]), "lines[0].unit_price_minor"),
        ("tenant_id", json!("01990a5d-ac96-774b-bcce-b302099a8057"), "tenant_id"),
        ("status", json!("paid"), "status"),
    ] {
        let mut body = order();
        body[field] = value;
        let answer = wrong(&api, body.to_string()).await;
        assert_eq!(answer.fields(), [named], "{}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains("(line 1, column "), "{}", answer.text);
    }
    let big = order().to_string().replace("4950", "1e400");
    malformed(&api, big).await;
    let long = order().to_string().replace("4950", &"9".repeat(400));
    malformed(&api, long).await;
    let twice = order().to_string().replace("\"currency\"", "\"customer\":\"Bob\",\"currency\"");
    assert_eq!(wrong(&api, twice).await.fields(), ["customer"]);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_json_is_reported_with_its_position() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    let with_bytes = |bytes: &[u8]| [b"{\"customer\":\"", bytes, b"\"}"].concat();
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        b"{\"customer\":\"Alice\",}".to_vec(),
        b"{'customer':'Alice'}".to_vec(),
        b"customer=Alice".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        with_bytes(b"\xff"),
        with_bytes(b"\xed\xa0\x80"),
        with_bytes(b"\\ud800"),
        with_bytes(b"\n"),
        [order().to_string().as_bytes(), b"{}"].concat(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = malformed(&api, body).await;
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("(line 1, column ") || detail.contains("empty") || detail.contains("line 2"),
            "{shown}: {detail}"
        );
        assert!(answer.text.len() < 1500, "{shown}: {detail}");
    }
    // A body that begins as another shape is refused as that, without reading on.
    for body in [
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"order\"".to_vec(),
        b"[".repeat(500_000),
        b"{\"a\":".repeat(150_000),
        [b"{\"lines\":".as_slice(), &b"[".repeat(900_000)].concat(),
    ] {
        let answer = wrong(&api, body).await;
        assert!(answer.body["detail"].as_str().unwrap().contains("(line 1, column "), "{}", answer.text);
        assert!(answer.text.len() < 1500, "{}", answer.text);
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_media_types_are_refused() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    let body = order().to_string();
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp"] {
        let refused = post(&api, "").body(other, body.clone()).refused(415, "unsupported_media_type").await;
        assert_eq!(refused.header("accept"), "application/json");
    }
    let untyped = api.request(Method::POST, "/v1/orders");
    untyped.refused(415, "unsupported_media_type").await;
    let packed = post(&api, body.clone()).header("content-encoding", "gzip");
    packed.refused(415, "unsupported_media_type").await;
    post(&api, "").body("application/json; charset=utf-8", body).expect(503).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mebibyte_is_the_most() {
    const LIMIT: usize = 1024 * 1024;
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    let padded = |length: usize| {
        let mut body = order().to_string().into_bytes();
        body.resize(length, b' ');
        body
    };
    post(&api, padded(LIMIT)).expect(503).await;
    for length in [LIMIT + 1, 2 * LIMIT, 16 * LIMIT] {
        post(&api, padded(length)).refused(413, "body_too_large").await;
    }
    gateway.stopped().await;
}
