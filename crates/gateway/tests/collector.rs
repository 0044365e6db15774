//! A collector receives traces and metrics from the program as it is deployed, over each protocol.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use reqwest::StatusCode;
use rowhouse_testkit::{Binary, CertificateAuthority, Collector, ProgramName};

fn gateway(collector: &Collector, protocol: &str) -> Binary {
    Binary::new(ProgramName::Gateway, env!("CARGO_BIN_EXE_rowhouse-gateway"))
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .with("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
}

/// Makes a request, stops the gateway, and checks that its trace and its metrics were received.
async fn sends_all(gateway: &Binary, collector: &Collector) {
    let running = gateway.start().await;
    let refused = reqwest::get(format!("http://{}/v1/me", gateway.address())).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.name == "GET /v1/me"), "{spans:?}: {}", ended.output);
    let metrics = collector.metrics();
    let names: Vec<_> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    for name in ["http.server.request.duration", "process.cpu.time"] {
        assert!(names.contains(&name), "{name} is not in {names:?}: {}", ended.output);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_and_metrics_are_sent_over_grpc() {
    let collector = Collector::over_grpc();
    sends_all(&gateway(&collector, "grpc"), &collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_and_metrics_are_sent_over_http() {
    let collector = Collector::over_http().await;
    sends_all(&gateway(&collector, "http/protobuf"), &collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_and_metrics_are_sent_over_tls_to_a_collector_with_a_certificate() {
    let authority = CertificateAuthority::new();
    let certificate = authority.issue(&["localhost"]);
    for (collector, protocol) in [
        (Collector::over_grpc_and_tls(&certificate), "grpc"),
        (Collector::over_https(&certificate).await, "http/protobuf"),
    ] {
        let trusting = gateway(&collector, protocol);
        let authorities = trusting.directory().join("ca.crt");
        fs::write(&authorities, authority.pem()).unwrap();
        let trusting = trusting.with("SSL_CERT_FILE", authorities.display());
        sends_all(&trusting, &collector).await;

        // Another authority's collector gets nothing, and the log says so.
        let stranger = CertificateAuthority::new();
        fs::write(&authorities, stranger.pem()).unwrap();
        let received = (collector.spans().len(), collector.metrics().len());
        let running = trusting.start().await;
        reqwest::get(format!("http://{}/v1/me", trusting.address())).await.unwrap();
        let ended = running.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.output);
        assert_eq!((collector.spans().len(), collector.metrics().len()), received, "{protocol}");
        assert!(ended.output.contains("were not delivered"), "{protocol}: {}", ended.output);
    }
}

#[tokio::test]
async fn metrics_are_sent_at_each_interval() {
    let collector = Collector::over_grpc();
    let gateway = gateway(&collector, "grpc").with("ROWHOUSE_METRICS_INTERVAL", 1);
    let _running = gateway.start().await;
    let twice = async {
        while collector.metrics().iter().filter(|metric| metric.name == "process.cpu.time").count() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), twice).await.unwrap();
}
