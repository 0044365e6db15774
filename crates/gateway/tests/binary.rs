//! The program as it is deployed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;

use rowhouse_testkit::{Binary, CertificateAuthority, ProgramName, own_address, until_certificate_expires};
use tempfile::TempDir;

/// The services need not run for it to start.
fn gateway() -> Binary {
    Binary::new(ProgramName::Gateway, env!("CARGO_BIN_EXE_rowhouse-gateway"))
}

#[tokio::test]
async fn the_program_serves_until_a_request_to_stop() {
    let gateway = gateway();
    let running = gateway.start().await;
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/v1/me", 401), ("/openapi.json", 200)] {
        let answer = reqwest::get(format!("http://{}{path}", gateway.address())).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    assert!(ended.output.contains(&format!("the gateway listens on http://{}", gateway.address())));
}

/// The metric shows the certificate that is in use, and not one in the file whose key has not been written yet.
#[tokio::test]
async fn the_metrics_say_when_certificates_expire() {
    let (gateway, authority, admin) = (gateway(), CertificateAuthority::new(), own_address());
    let directory = gateway.directory().to_owned();
    let issue = |year, name| authority.issue_until(year, &["localhost"]).write(&directory, name);
    let (https, client) = (issue(2040, "https"), issue(2050, "client"));
    let gateway = gateway
        .with("ROWHOUSE_ADMIN_LISTEN", admin)
        .with("ROWHOUSE_HTTP_TLS_CERTIFICATE", https.0.display())
        .with("ROWHOUSE_HTTP_TLS_KEY", https.1.display())
        .with("ROWHOUSE_TLS_CERTIFICATE", client.0.display())
        .with("ROWHOUSE_TLS_KEY", client.1.display());
    let running = gateway.start().await;
    until_certificate_expires(admin, "https", 2040).await;
    until_certificate_expires(admin, "client", 2050).await;
    let renewed = authority.issue_until(2050, &["localhost"]);
    std::fs::write(&https.0, &renewed.certificate).unwrap();
    running.line_with("the certificates stay as they are").await;
    until_certificate_expires(admin, "https", 2040).await;
    renewed.write(&directory, "https");
    until_certificate_expires(admin, "https", 2050).await;
}

#[tokio::test]
async fn a_failed_start_is_one_message() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let empty = TempDir::new().unwrap();
    let gateway = gateway().with("ROWHOUSE_LOG", "off");
    for (variable, value, word) in [
        ("ROWHOUSE_HTTP_LISTEN", address.as_str(), format!("port {}", taken.local_addr().unwrap().port())),
        ("ROWHOUSE_TRUST_DIR", empty.path().to_str().unwrap(), "jwks.json".to_owned()),
    ] {
        let ended = gateway.run(&[], &[(variable, value)]).await;
        assert_eq!(ended.code, Some(1));
        let said = ended.output;
        assert!(said.starts_with("rowhouse-gateway: ") && said.contains(&word), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// Nothing listens and nobody is called: each file and address is looked at.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let gateway = gateway();
    let taken = TcpListener::bind(gateway.address()).unwrap();
    let missing = gateway.directory().join("missing.pem").to_str().unwrap().to_owned();
    gateway
        .check_configurations(&[
            (&[], 0, "the configuration is valid"),
            // The name is not looked up, so nothing is said about it.
            (&[("ROWHOUSE_AUTH_ENDPOINT", "http://auth.invalid:50051")], 0, "the configuration is valid"),
            (&[("ROWHOUSE_AUTH_ENDPOINT", "auth:50051")], 1, "--auth-endpoint"),
            (
                &[("ROWHOUSE_ENVIRONMENT", "production"), ("ROWHOUSE_AUTH_ENDPOINT", "http://auth:50051")],
                1,
                "--allow-plaintext-grpc",
            ),
            (&[("ROWHOUSE_TLS_CA", &missing)], 1, "missing.pem"),
            (&[("ROWHOUSE_LOG_FROMAT", "json")], 2, "the nearest is ROWHOUSE_LOG_FORMAT"),
            (&[("ROWHOUSE_ORDERS_PORT", "tcp://10.0.0.1:50053")], 0, "the configuration is valid"),
        ])
        .await;
    drop(taken);
}
