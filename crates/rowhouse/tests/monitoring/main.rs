//! What an operator sees of a running system: its metrics as Prometheus reads them, the dashboards and the alerts. Telemetry is
//! global to a process, so this program has one test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod prometheus;
mod queries;

use std::collections::BTreeSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use prometheus::Prometheus;
use reqwest::StatusCode;
use rowhouse_chassis::config::TelemetryArgs;
use rowhouse_testkit::{TestOptions, TestSystem};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// The names that OpenTelemetry's conventions end in a way that promtool takes for a part of a histogram.
const NAMES_OF_THE_CONVENTIONS: [&str; 3] =
    ["db_client_connection_count", "process_thread_count", "process_unix_file_descriptor_count"];

/// Uses everything that is measured: a sign-up, which sends emails and runs jobs; orders with a webhook; refusals of each kind.
async fn use_it(system: &TestSystem) {
    let (http, gateway) = (system.http(), system.gateway_url());
    let body = json!({ "name": "Acme", "slug": "acme", "admin": { "email": "ada@example.com", "password": PASSWORD } });
    let post = |path: &str, token: &str, body: &Value| {
        http.post(format!("{gateway}{path}")).bearer_auth(token).json(body)
    };
    let onboarded = http.post(format!("{gateway}/v1/tenants")).json(&body).send().await.unwrap();
    assert_eq!(onboarded.status(), StatusCode::CREATED);
    system.mail_to("ada@example.com", "Welcome").await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let login = http.post(format!("{gateway}/v1/auth/login")).json(&login).send().await.unwrap();
    let tokens: Value = login.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let endpoint = json!({ "url": "http://127.0.0.1:1/closed", "events": ["order.created"] });
    let added = post("/v1/webhook-endpoints", token, &endpoint).send().await.unwrap();
    assert_eq!(added.status(), StatusCode::CREATED, "{}", added.text().await.unwrap());
    let order = json!({ "customer": "Ada", "currency": "EUR",
        "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] });
    for _ in 0..20 {
        let placed = post("/v1/orders", token, &order).send().await.unwrap();
        assert_eq!(placed.status(), StatusCode::CREATED);
        let read = http.get(format!("{gateway}/v1/orders")).bearer_auth(token).send().await.unwrap();
        assert_eq!(read.status(), StatusCode::OK);
    }
    let altered = format!("{token}x");
    for (path, token, expected) in
        [("/v1/orders", altered.as_str(), 401), ("/v1/orders/nothing", token, 400), ("/nowhere", token, 404)]
    {
        let refused = http.get(format!("{gateway}{path}")).bearer_auth(token).send().await.unwrap();
        assert_eq!(refused.status(), expected, "{path}");
    }
}

async fn scrape(system: &TestSystem) -> String {
    let answer = system.http().get(format!("{}/metrics", system.admin_url())).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    answer.text().await.unwrap()
}

/// Returns the names of the metrics of a scrape.
fn names(scrape: &str) -> BTreeSet<&str> {
    let samples = scrape.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

/// Plants a violation in the schema of one service, and removes it.
async fn a_violation_is_found_and_fires(system: &TestSystem, prometheus: &Prometheus) {
    const ALERT: &str = "RowhouseAuditFindsViolations";
    assert!(prometheus.firing(ALERT).await.is_empty());
    let mut admin = system.database().admin().await;
    admin.batch_execute("ALTER TABLE orders.orders NO FORCE ROW LEVEL SECURITY").await.unwrap();
    let alerts = prometheus.until_firing(ALERT, 1).await;
    let alert = &alerts[0];
    assert_eq!(alert["labels"]["rowhouse_service"], "orders", "{alert}");
    assert_eq!(alert["labels"]["severity"], "page", "{alert}");
    assert_eq!(alert["annotations"]["description"], "The audit of the schema of orders found 1 violations.");
    let text = scrape(system).await;
    for (service, violations) in [("orders", 1), ("auth", 0), ("onboarding", 0)] {
        let sample = format!("rowhouse_audit_violations{{rowhouse_service=\"{service}\"}} {violations}\n");
        assert!(text.contains(&sample), "{sample}");
    }
    admin.batch_execute("ALTER TABLE orders.orders FORCE ROW LEVEL SECURITY").await.unwrap();
    prometheus.until_firing(ALERT, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_happens() {
    let telemetry = TelemetryArgs {
        log: "warn".to_owned(),
        admin_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..TelemetryArgs::default()
    };
    let options = TestOptions {
        telemetry: Some(telemetry),
        audit_interval: Duration::from_secs(1),
        ..TestOptions::default()
    };
    let system = TestSystem::start_with(options).await;
    let prometheus = Prometheus::start(&system.admin_url());
    prometheus.scrapes(2).await;
    use_it(&system).await;
    let tenant = system.database().value("SELECT id FROM tenancy.tenants WHERE slug = 'acme'").await;

    // The format, and what is a label: neither a tenant nor a person, whose number is not bounded.
    let text = scrape(&system).await;
    for private in [tenant.as_str(), "acme", "ada@example.com", "127.0.0.1"] {
        assert!(!text.contains(private), "{private} is in the metrics");
    }
    let complaints = prometheus::check_metrics(&text);
    let unexpected: Vec<_> = complaints
        .lines()
        .filter(|line| !NAMES_OF_THE_CONVENTIONS.iter().any(|name| line.starts_with(&format!("{name} "))))
        .collect();
    assert!(unexpected.is_empty(), "promtool: {unexpected:#?}");
    let invented = "/orders.v1.OrderService/Invented";
    queries::call(system.endpoint(rowhouse_testkit::ServiceName::Orders), invented).await;
    let text = scrape(&system).await;
    assert!(text.contains("rpc_method=\"_OTHER\"") && !text.contains("Invented"), "names of strangers");

    // Probes that speak neither gRPC nor TLS.
    for path in ["/healthz", "/readyz"] {
        let answer = system.http().get(format!("{}{path}", system.admin_url())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }

    // The dashboards and the alerts use metrics that exist, and each panel shows something.
    let names = names(&text);
    queries::documented(&text);
    queries::runbooks_exist();
    prometheus.scrapes(3).await;
    for (what, expression) in queries::of_the_dashboards().into_iter().chain(queries::of_the_rules()) {
        for name in queries::metrics_of(&expression) {
            let exists = name.starts_with("rowhouse:") || name == "up" || names.contains(name.as_str());
            assert!(exists, "{what}: there is no metric {name}");
        }
    }
    for (panel, expression) in queries::of_the_dashboards() {
        let series = prometheus.query(&expression).await;
        let shown = !series.is_empty() || queries::MAY_BE_EMPTY.contains(&panel.as_str());
        assert!(shown, "{panel} shows nothing: {expression}");
    }
    for (alert, expression) in queries::of_the_rules() {
        // An error of the expression would panic.
        let firing = prometheus.query(&expression).await;
        assert!(
            firing.is_empty() || alert.starts_with("rowhouse:") || alert == "RowhouseWebhooksFail",
            "{alert} fires: {firing:?}"
        );
    }

    a_violation_is_found_and_fires(&system, &prometheus).await;

    // What a stopped system has done for its tenants is in the table.
    let database = system.shutdown().await;
    let used = format!(
        "SELECT transactions >= 40 AND round_trips >= 80 AND rows > 0 AND milliseconds > 0
         FROM tenancy.usage WHERE tenant_id = '{tenant}' AND service = 'orders'"
    );
    assert_eq!(database.value(&used).await, "true");
}
