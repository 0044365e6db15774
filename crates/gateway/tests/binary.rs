//! The program as it is deployed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_catalog::ServiceName;
use rowhouse_testkit::CertificateAuthority;
use rowhouse_tokens::{JwkSet, SigningKey, issuer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener as TcpStreamListener;
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;

const LIMIT: Duration = Duration::from_secs(30);

fn trust() -> TempDir {
    let directory = TempDir::new().unwrap();
    let keys = JwkSet { keys: vec![SigningKey::generate().unwrap().jwk().clone()] };
    let file = directory.path().join(format!("{}.jwks.json", issuer::AUTH));
    std::fs::write(file, serde_json::to_vec(&keys).unwrap()).unwrap();
    directory
}

/// The services need not run for it to start.
fn program(trust: &TempDir) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rowhouse-gateway"));
    program
        .env_clear()
        .env("ROWHOUSE_HTTP_LISTEN", "127.0.0.1:0")
        .envs(
            ServiceName::ALL.iter().map(|service| {
                (format!("ROWHOUSE_{}_ENDPOINT", service.in_variables()), "http://127.0.0.1:1")
            }),
        )
        .env("ROWHOUSE_TRUST_DIR", trust.path())
        .env("ROWHOUSE_ISSUER", issuer::DEVELOPMENT)
        .env("ROWHOUSE_ENVIRONMENT", "dev")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    program
}

#[tokio::test]
async fn the_program_serves_until_a_request_to_stop() {
    let trust = trust();
    let mut running = program(&trust).spawn().unwrap();
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    let run = async {
        let address = loop {
            let line = log.next_line().await.unwrap().unwrap();
            if let Some((_, address)) = line.split_once("the gateway listens on ") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
        };
        for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/v1/me", 401), ("/openapi.json", 200)] {
            let answer = reqwest::get(format!("{address}{path}")).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{path}");
        }
        let pid = running.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        while log.next_line().await.unwrap().is_some() {}
        running.wait().await.unwrap()
    };
    let status = tokio::time::timeout(LIMIT, run).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

/// Accepts a TLS connection, and returns the first bytes that arrive over it.
async fn first_bytes(listener: TcpStreamListener, server: TlsAcceptor) -> Vec<u8> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = server.accept(stream).await.unwrap();
    let mut bytes = [0; 14];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes.to_vec()
}

#[tokio::test]
async fn traces_are_sent_over_tls() {
    let (trust, authority) = (trust(), CertificateAuthority::new());
    let issued = authority.issue(&["localhost"]);
    let authorities = trust.path().join("ca.crt");
    std::fs::write(&authorities, authority.pem()).unwrap();
    let chain = CertificateDer::pem_slice_iter(issued.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpStreamListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let received = tokio::spawn(first_bytes(listener, TlsAcceptor::from(Arc::new(config))));
    let mut gateway = program(&trust);
    gateway
        .env("SSL_CERT_FILE", &authorities)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_METRICS_EXPORTER", "none");
    let mut running = gateway.spawn().unwrap();
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    let run = async {
        let address = loop {
            let line = log.next_line().await.unwrap().unwrap();
            if let Some((_, address)) = line.split_once("the gateway listens on ") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
        };
        assert_eq!(reqwest::get(format!("{address}/v1/me")).await.unwrap().status().as_u16(), 401);
        received.await.unwrap()
    };
    let received = tokio::time::timeout(LIMIT, run).await.unwrap();
    assert!(received.starts_with(b"PRI * HTTP/2.0"), "{}", String::from_utf8_lossy(&received));
}

#[tokio::test]
async fn a_failed_start_is_one_message() {
    let trust = trust();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut busy = program(&trust);
    busy.env("ROWHOUSE_HTTP_LISTEN", address.to_string());
    let empty = TempDir::new().unwrap();
    for (mut program, word) in
        [(busy, format!("port {}", address.port())), (program(&empty), "jwks.json".to_owned())]
    {
        program.env("ROWHOUSE_LOG", "off");
        let output = tokio::time::timeout(LIMIT, program.output()).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("rowhouse-gateway: ") && said.contains(&word), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// Nothing listens and nobody is called: each file and address is looked at.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let trust = trust();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let missing = trust.path().join("missing.pem");
    for (variables, code, words) in [
        (vec![], 0, "the configuration is valid"),
        (vec![("ROWHOUSE_AUTH_ENDPOINT", "auth:50051")], 1, "--auth-endpoint"),
        (
            vec![("ROWHOUSE_ENVIRONMENT", "production"), ("ROWHOUSE_AUTH_ENDPOINT", "http://auth:50051")],
            1,
            "--allow-plaintext-grpc",
        ),
        (vec![("ROWHOUSE_TLS_CA", missing.to_str().unwrap())], 1, "missing.pem"),
        (vec![("ROWHOUSE_LOG_FROMAT", "json")], 2, "the nearest is ROWHOUSE_LOG_FORMAT"),
        (vec![("ROWHOUSE_ORDERS_PORT", "tcp://10.0.0.1:50053")], 0, "the configuration is valid"),
    ] {
        let mut program = program(&trust);
        program.arg("--check-config").env("ROWHOUSE_HTTP_LISTEN", taken.local_addr().unwrap().to_string());
        program.envs(variables.clone());
        let output = tokio::time::timeout(LIMIT, program.output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{variables:?}: {said}");
        assert!(said.contains(words), "{variables:?}: {said}");
    }
}
