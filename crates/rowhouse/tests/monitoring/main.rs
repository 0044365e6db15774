//! The monitoring of a running system: its metrics as Prometheus reads them, the dashboards and the alerts. Telemetry is
//! global to a process, so this program has one test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod faults;
mod matchers;
mod pages;
mod prometheus;
mod queries;
mod scaling;
mod usage;

use std::collections::BTreeSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use prometheus::Prometheus;
use reqwest::StatusCode;
use rowhouse_chassis::config::TelemetryArgs;
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_chassis::tls::{self, Reloaded};
use rowhouse_testkit::{CertificateAuthority, SignUpArgs, TestOptions, TestSystem};
use rustls::sign::CertifiedKey;

/// The names that OpenTelemetry's conventions end in a way that promtool takes for a part of a histogram.
const NAMES_OF_THE_CONVENTIONS: [&str; 3] =
    ["db_client_connection_count", "process_thread_count", "process_unix_file_descriptor_count"];

/// Reads `/metrics`.
pub(crate) async fn scrape(system: &TestSystem) -> String {
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

/// Checks that each panel shows a number.
async fn panels_show_something(prometheus: &Prometheus) {
    let mut empty = Vec::new();
    for (panel, expression) in queries::of_the_dashboards() {
        // A panel shows neither a missing value nor one that is no number, such as a quotient of zeros.
        if !prometheus.query(&expression).await.iter().any(|value| value != "NaN") {
            empty.push((panel, expression));
        }
    }
    assert!(empty.is_empty(), "panels that show nothing: {empty:#?}");
}

/// Reads a certificate as the gateway does. The system of a test has none.
async fn https() -> Reloaded<CertifiedKey> {
    let directory = tempfile::tempdir().unwrap();
    let issued = CertificateAuthority::new().issue(&["localhost"]);
    let (certificate, key) = issued.write(directory.path(), "gateway");
    tls::certificate(certificate, key).await.unwrap()
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
        rate_limits: RateLimits { api_key: "1:3".parse().unwrap(), ..TestOptions::default().rate_limits },
        sign_ups: SignUpArgs { sign_ups_per_address: 1, ..SignUpArgs::generous() },
        ..TestOptions::default()
    };
    let system = TestSystem::start_with(options).await;
    let prometheus = Prometheus::start(&system.admin_url());
    let _certificate = https().await;
    prometheus.scrapes(2).await;
    usage::measured(&system).await;
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
    queries::call(system.endpoint(rowhouse_testkit::ServiceName::Orders), queries::INVENTED).await;
    let text = scrape(&system).await;
    assert!(text.contains("rpc_method=\"_OTHER\"") && !text.contains("Invented"), "names of strangers");

    // Probes that speak neither gRPC nor TLS.
    for path in ["/healthz", "/readyz"] {
        let answer = system.http().get(format!("{}{path}", system.admin_url())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }

    // The dashboards and the alerts use metrics that exist.
    let names = names(&text);
    queries::documented(&text);
    pages::runbooks_exist();
    pages::panels_exist();
    pages::queries_run(&system, &prometheus).await;
    // A rate needs an increase after the first scrape of a series.
    for _ in 0..2 {
        prometheus.scrapes(2).await;
        let keys = format!("{}/.well-known/jwks.json", system.gateway_url());
        assert_eq!(system.http().get(keys).send().await.unwrap().status(), StatusCode::OK);
    }
    prometheus.scrapes(3).await;
    let recorded = queries::of_the_rules().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    for (what, expression) in queries::of_the_dashboards().into_iter().chain(queries::of_the_rules()) {
        for name in queries::metrics_of(&expression) {
            // The names of alerts have no colon, so these are recorded series.
            let exists = recorded.contains(&name)
                || queries::OF_OTHERS.contains(&name.as_str())
                || names.contains(name.as_str());
            assert!(exists, "{what}: there is no metric {name}");
        }
    }
    for (alert, expression) in queries::of_the_rules() {
        // An error of the expression would panic.
        let firing = prometheus.query(&expression).await;
        assert!(
            firing.is_empty() || alert.starts_with("rowhouse:") || alert == "RowhouseWebhooksFail",
            "{alert} fires: {firing:?}"
        );
    }

    scaling::requests_are_counted(&system, &prometheus).await;
    a_violation_is_found_and_fires(&system, &prometheus).await;

    // After the faults each value that an expression selects exists, each panel shows something, and alerts have a reason.
    faults::are_counted(&system).await;
    let keys = format!("{}/.well-known/jwks.json", system.gateway_url());
    assert_eq!(system.http().get(keys).send().await.unwrap().status(), StatusCode::OK);
    prometheus.scrapes(3).await;
    matchers::exist(&text, &prometheus).await;
    panels_show_something(&prometheus).await;
    faults::give_alerts_a_reason(&prometheus).await;

    // The table has the use of each tenant also after the system has stopped.
    let database = system.shutdown().await;
    let used = format!(
        "SELECT transactions >= 40 AND round_trips >= 80 AND rows > 0 AND milliseconds > 0
         FROM tenancy.usage WHERE tenant_id = '{tenant}' AND service = 'orders'"
    );
    assert_eq!(database.value(&used).await, "true");
}
