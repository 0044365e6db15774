//! The program as it is deployed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;

use rowhouse_testkit::{Binary, ProgramName};
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
