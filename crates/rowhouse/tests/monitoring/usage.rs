//! A system that is used, and what its metrics say about that.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use rowhouse_chassis::limits::WEBHOOK_ENDPOINTS;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::scrape;

const PASSWORD: &str = "correct horse battery";
const ORDERS: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody at the gateway.
pub(crate) struct Client<'a>(pub(crate) &'a TestSystem);

impl Client<'_> {
    pub(crate) fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let request = self.0.http().request(method, format!("{}{path}", self.0.gateway_url()));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> StatusCode {
        self.request(Method::GET, path, token).send().await.unwrap().status()
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let answer = self.request(Method::POST, path, token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    pub(crate) async fn status(&self, path: &str, body: &Value) -> StatusCode {
        self.request(Method::POST, path, "").json(body).send().await.unwrap().status()
    }

    async fn refused(&self, path: &str, token: &str, body: Value, status: StatusCode) {
        let answer = self.request(Method::POST, path, token).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}: {}", answer.text().await.unwrap());
    }
}

/// Returns an order of one chair.
pub(crate) fn order() -> Value {
    json!({ "customer": "Ada", "currency": "EUR",
        "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] })
}

/// Uses everything that is measured: a sign-up, which sends emails and runs jobs; orders with a webhook; refusals of each kind. Then
/// the metrics say what happened.
pub(crate) async fn measured(system: &TestSystem) {
    let client = Client(system);
    let admin = json!({ "email": "ada@example.com", "password": PASSWORD });
    client.post("/v1/tenants", "", json!({ "name": "Acme", "slug": "acme", "admin": admin })).await;
    // Before the first login her network is a stranger's.
    let again = json!({ "name": "Acme", "admin": admin });
    client.refused("/v1/tenants", "", again, StatusCode::TOO_MANY_REQUESTS).await;
    system.mail_to("ada@example.com", "Welcome").await;
    let tokens = client.post("/v1/auth/login", "", admin).await;
    let token = tokens["access_token"].as_str().unwrap();
    let endpoint = json!({ "url": "http://127.0.0.1:1/closed", "events": ["order.created"] });
    client.post("/v1/webhook-endpoints", token, endpoint.clone()).await;
    for _ in 0..ORDERS {
        client.post("/v1/orders", token, order()).await;
        assert_eq!(client.get("/v1/orders", token).await, StatusCode::OK);
    }
    // The last letter of a signature has bits that mean nothing, and the first has none.
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{first}{}", &signature[1..]);
    for (path, token, expected) in
        [("/v1/orders", forged.as_str(), 401), ("/v1/orders/nothing", token, 400), ("/nowhere", token, 404)]
    {
        assert_eq!(client.get(path, token).await, expected, "{path}");
    }
    let limited = until_limited(&client, token).await;
    for _ in 1..WEBHOOK_ENDPOINTS.maximum {
        client.post("/v1/webhook-endpoints", token, endpoint.clone()).await;
    }
    client.refused("/v1/webhook-endpoints", token, endpoint, StatusCode::CONFLICT).await;
    let guess = json!({ "email": "nobody@example.com", "password": PASSWORD });
    let attempts =
        async { while client.status("/v1/auth/login", &guess).await != StatusCode::TOO_MANY_REQUESTS {} };
    tokio::time::timeout(PATIENCE, attempts).await.expect("guesses are limited");

    // The email and the webhook are sent by jobs.
    let text = until(system, &|text| {
        let delivered = samples(text, "rowhouse_emails_total", &[("rowhouse_email_result", "delivered")]);
        let failed = samples(text, WEBHOOKS, &[("rowhouse_webhook_result", "failed")]);
        // The receiver of the webhooks is closed, so the first event waits.
        let oldest = samples(text, "rowhouse_webhook_oldest_age_seconds", &[]);
        [delivered, failed].iter().all(|counted| counted.iter().any(|count| *count >= 1.0))
            && oldest.iter().any(|seconds| *seconds > 0.0)
    });
    let text = text.await;
    for (metric, labels, expected) in [
        (HTTP, [POST, ("http_route", "/v1/orders"), ("http_response_status_code", "201")].as_slice(), ORDERS),
        (HTTP, &[GET, SCHEME, ("http_route", "/v1/orders"), ("http_response_status_code", "401")], 1),
        ("http_server_active_requests", &[GET, SCHEME], 0),
        (HTTP, &[("http_route", "unknown"), ("http_response_status_code", "404")], 1),
        (
            CALLS,
            &[("rpc_method", "orders.v1.OrderService/CreateOrder"), ("rpc_response_status_code", "OK")],
            ORDERS,
        ),
        (TRANSACTIONS, &[("db_operation_name", "orders.create")], ORDERS),
        ("rowhouse_token_verifications_total", &[("error_type", "bad_signature")], 1),
        ("rowhouse_rate_limit_refused_total", &[("rowhouse_rate_limit_party", "api-key")], limited),
        ("rowhouse_rate_limit_refused_total", &[("rowhouse_rate_limit_party", "tenant")], 0),
        ("rowhouse_limit_refused_total", &[("rowhouse_limit", "attempts")], 1),
        ("rowhouse_limit_refused_total", &[("rowhouse_limit", "sign_ups")], 1),
        ("rowhouse_limit_refused_total", &[("rowhouse_limit", "webhook_endpoints")], 1),
        ("rowhouse_limit_refused_total", &[("rowhouse_limit", "api_keys")], 0),
        ("rowhouse_limit_refused_total", &[], 3),
        ("rowhouse_hashing_refused_total", &[], 0),
        ("rowhouse_webhook_suppressed_total", &[], 0),
        ("rowhouse_audit_violations", &[], 0),
    ] {
        let found = sum(&text, metric, labels);
        assert!(
            (found - f64::from(expected)).abs() < f64::EPSILON,
            "{metric} of {labels:?}: {found}, not {expected}"
        );
    }
    // The password of the sign-up, and of the login.
    assert!(sum(&text, "rowhouse_hashing_duration_seconds_count", &[]) >= 2.0);
    assert!(sum(&text, "rowhouse_job_attempts_total", &[("rowhouse_job_result", "succeeded")]) >= 1.0);
    for pool in ["rowhouse_auth", "rowhouse_onboarding", "rowhouse_orders"] {
        let pool = ("db_client_connection_pool_name", pool);
        let open = sum(&text, "db_client_connection_count", &[pool]);
        let most = sum(&text, "db_client_connection_max", &[pool]);
        assert!((1.0..=most).contains(&open), "{open} of {most} connections of {pool:?}");
    }
    for part in samples(&text, "rowhouse_ready", &[]) {
        assert!((part - 1.0).abs() < f64::EPSILON, "a part is not ready");
    }
}

/// Uses an API key until its rate limit refuses it, and returns the number of refusals.
async fn until_limited(client: &Client<'_>, token: &str) -> u32 {
    let key =
        client.post("/v1/api-keys", token, json!({ "name": "export", "scopes": ["orders:read"] })).await;
    let exchange = json!({
        "grant_type": "client_credentials", "client_id": key["client_id"], "client_secret": key["client_secret"],
    });
    let tokens = client.post("/v1/auth/token", "", exchange).await;
    let token = tokens["access_token"].as_str().unwrap();
    let refused = async { while client.get("/v1/orders", token).await != StatusCode::TOO_MANY_REQUESTS {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("the key's limit refuses it");
    1
}

pub(crate) const HTTP: &str = "http_server_request_duration_seconds_count";
const CALLS: &str = "rpc_server_call_duration_seconds_count";
pub(crate) const TRANSACTIONS: &str = "db_client_operation_duration_seconds_count";
pub(crate) const WEBHOOKS: &str = "rowhouse_webhook_attempt_duration_seconds_count";
const GET: (&str, &str) = ("http_request_method", "GET");
const SCHEME: (&str, &str) = ("url_scheme", "http");
const POST: (&str, &str) = ("http_request_method", "POST");

/// Scrapes until the metrics are as wanted, and returns them.
async fn until(system: &TestSystem, reached: &(dyn Fn(&str) -> bool + Sync)) -> String {
    let scraped = async {
        loop {
            let text = scrape(system).await;
            if reached(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, scraped).await.expect("the metrics count it")
}

/// Returns the values of a metric's series that have the labels.
pub(crate) fn samples(text: &str, metric: &str, labels: &[(&str, &str)]) -> Vec<f64> {
    let series = text.lines().filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
    series
        .filter(|(found, _)| found.is_empty() || found.starts_with('{'))
        .filter(|(found, _)| {
            labels.iter().all(|(label, value)| found.contains(&format!("{label}=\"{value}\"")))
        })
        .map(|(_, value)| value.parse().unwrap())
        .collect()
}

/// Returns the sum of a metric's series that have the labels.
fn sum(text: &str, metric: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = samples(text, metric, labels);
    assert!(!samples.is_empty(), "{metric} has no series with {labels:?}");
    samples.into_iter().sum()
}
