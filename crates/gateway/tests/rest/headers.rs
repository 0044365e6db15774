//! Addresses, methods, query parameters and headers that are refused without a call. The services are not running: a
//! forwarded request ends in 503.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::alone::Alone;

#[tokio::test(flavor = "multi_thread")]
async fn unknown_addresses_and_methods() {
    let gateway = Alone::start().await;
    let api = &gateway.api;
    for unknown in
        ["/", "/v1", "/v1/", "/v1/order", "/v1/orders/", "/v1/orders/a/b", "/V1/me", "/v1/me/", "//v1/me"]
    {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            api.request(method, unknown).refused(404, "not_found").await;
        }
    }
    for (path, item) in api.document["paths"].as_object().unwrap() {
        let known: Vec<_> = item.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        let path = path.replace("{id}", "x").replace("{file}", "x");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
        {
            if known.contains(&method.to_string()) {
                continue;
            }
            let refused = api.request(method, path.as_str()).refused(405, "method_not_allowed").await;
            let allowed: Vec<_> =
                refused.header("allow").split(", ").filter(|name| *name != "HEAD").collect();
            assert_eq!(allowed.len(), known.len(), "{path}: {allowed:?}");
            assert!(
                allowed.iter().all(|name| known.iter().any(|known| known == name)),
                "{path}: {allowed:?}"
            );
        }
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_a_body() {
    let gateway = Alone::start().await;
    let get = gateway.api.get("/openapi.json").expect(200).await;
    let head = gateway.api.request(Method::HEAD, "/openapi.json").expect(200).await;
    assert_eq!((head.text.len(), head.header("content-length")), (0, get.header("content-length")));
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn query_parameters_are_known_and_come_once() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    api.get("/v1/orders?page_size=5&page_token=abc&status=paid").expect(503).await;
    for (query, field) in [
        ("size=5", "size"),
        ("page_size=5&page_size=6", "page_size"),
        ("page_size=five", "page_size"),
        ("page_size=9223372036854775808", "page_size"),
        ("page_size=1.0", "page_size"),
        ("status=PAID", "status"),
        ("status=paid&tenant_id=01990a5d-ac96-774b-bcce-b302099a8058", "tenant_id"),
        ("%ff=1", "\u{fffd}"),
    ] {
        let refused = api.get(format!("/v1/orders?{query}")).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [field], "{query}");
    }
    api.get("/v1/me?verbose=1").refused(400, "invalid_argument").await;
    api.get("/v1/orders/x?fields=id").refused(400, "invalid_argument").await;
    api.post("/v1/auth/login?next=/", &json!({ "email": "a@b", "password": "12345678" }))
        .refused(400, "invalid_argument")
        .await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_tags_are_read_strictly() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    let order = json!({ "customer": "Alice", "currency": "EUR", "lines": [] });
    api.post("/v1/orders", &order).header("idempotency-key", "a-1").expect(503).await;
    for values in [&["a", "a"][..], &["schlüssel"]] {
        let request = api.post("/v1/orders", &order);
        let request = values.iter().fold(request, |request, value| request.header("idempotency-key", value));
        assert_eq!(request.refused(400, "invalid_argument").await.fields(), ["Idempotency-Key"]);
    }
    let paid = json!({ "status": "paid" });
    api.patch("/v1/orders/x", &paid).header("if-match", "\"1\"").expect(503).await;
    for tag in ["1", "\"1", "\"1\" \"2\"", "\"1\", *", "é"] {
        let request = api.patch("/v1/orders/x", &paid).header("if-match", tag);
        assert_eq!(request.refused(400, "invalid_argument").await.fields(), ["If-Match"]);
    }
    gateway.stopped().await;
}

/// Requests that no HTTP client would send.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_http_are_refused() {
    let gateway = Alone::start().await;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(1 << 20));
    for request in [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: -1\r\n\r\n",
        "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        long.as_str(),
    ] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        // The server may close before it has read everything.
        stream.write_all(request.as_bytes()).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer);
        let shown = &request[..request.len().min(80)];
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown:?}: {answer}");
    }
    gateway.api.get("/healthz").expect(200).await;
    gateway.stopped().await;
}
