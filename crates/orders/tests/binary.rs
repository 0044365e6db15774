//! The program as it is deployed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::config::{CallTlsArgs, Environment, TlsArgs};
use rowhouse_chassis::grpc;
use rowhouse_chassis::health::is_serving;
use rowhouse_chassis::tls::CallTls;
use rowhouse_proto::orders::v1::ListOrdersRequest;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_testkit::{CertificateAuthority, ServiceName, TestDatabase};
use rowhouse_tokens::{JwkSet, SigningKey, issuer};
use serde_json::Value;
use tempfile::TempDir;
use tonic::{Code, Request};

fn program(database_url: &str, trust: &TempDir) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rowhouse-orders"));
    program
        .env_clear()
        .env("DATABASE_URL", database_url)
        .env("ROWHOUSE_LISTEN", "127.0.0.1:0")
        .env("ROWHOUSE_TRUST_DIR", trust.path())
        .env("ROWHOUSE_ISSUER", issuer::DEVELOPMENT)
        .env("ROWHOUSE_ENCRYPTION_KEYS", trust.path().join("encryption.keys"))
        .env("ROWHOUSE_ENVIRONMENT", "dev")
        .env("ROWHOUSE_LOG_FORMAT", "json")
        .stderr(Stdio::piped());
    program
}

fn trust() -> TempDir {
    let directory = TempDir::new().unwrap();
    let keys = JwkSet { keys: vec![SigningKey::generate().unwrap().jwk().clone()] };
    let file = directory.path().join(format!("{}.jwks.json", issuer::AUTH));
    std::fs::write(file, serde_json::to_vec(&keys).unwrap()).unwrap();
    std::fs::write(directory.path().join("encryption.keys"), format!("{}=\n", "A".repeat(43))).unwrap();
    directory
}

/// Returns the address in the line that announces it.
fn address(child: &mut Child) -> (String, impl BufRead + use<>) {
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while log.read_line(&mut line).unwrap() > 0 {
        let entry: Value = serde_json::from_str(&line).unwrap();
        if let Some(address) = entry.get("address").and_then(Value::as_str) {
            return (address.to_owned(), log);
        }
        line.clear();
    }
    panic!("it ended with {:?} and did not say where it listens", child.wait());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_sigterm() {
    let database = TestDatabase::create().await;
    let trust = trust();
    let mut child = program(&database.url(ServiceName::Orders), &trust).spawn().unwrap();
    let (address, mut log) = address(&mut child);
    let channel = grpc::channel(&format!("http://{address}")).unwrap();
    assert!(is_serving(&channel, "").await);
    while !is_serving(&channel, "orders.v1.OrderService").await {
        tokio::task::yield_now().await;
    }

    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_callers_with_a_certificate_only() {
    let database = TestDatabase::create().await;
    let trust = trust();
    let directory = trust.path();
    let authority = CertificateAuthority::new();
    let ca = directory.join("ca.crt");
    std::fs::write(&ca, authority.pem()).unwrap();
    let (certificate, key) = authority.issue(&["localhost"]).write(directory, "orders");
    let own = authority.issue(&["rowhouse-gateway"]).write(directory, "gateway");
    let mut child = program(&database.url(ServiceName::Orders), &trust)
        .env("ROWHOUSE_TLS_CERTIFICATE", certificate)
        .env("ROWHOUSE_TLS_KEY", key)
        .env("ROWHOUSE_TLS_CLIENT_CA", &ca)
        .env("ROWHOUSE_TLS_CLIENT_NAMES", "rowhouse-gateway,rowhouse-onboarding")
        .spawn()
        .unwrap();
    let (address, _log) = address(&mut child);
    let (_, port) = address.rsplit_once(':').unwrap();
    let call = CallTlsArgs { tls_ca: Some(ca) };
    let with = TlsArgs { tls_certificate: Some(own.0), tls_key: Some(own.1), ..TlsArgs::default() };
    for (own, served) in [(with, true), (TlsArgs::default(), false)] {
        let tls = CallTls::new(&own, &call, Environment::Production);
        let channel = grpc::channel_over(&format!("https://localhost:{port}"), &tls).unwrap();
        assert_eq!(is_serving(&channel, "").await, served);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Calls from 127.0.0.1 on behalf of `2001:db8:1:2::3`, and returns the client in the log line of the call.
async fn logged_client(database: &TestDatabase, trusted: &[(&str, &str)]) -> Value {
    let trust = trust();
    let mut child =
        program(&database.url(ServiceName::Orders), &trust).envs(trusted.iter().copied()).spawn().unwrap();
    let (address, log) = address(&mut child);
    let mut orders = OrderServiceClient::new(grpc::channel(&format!("http://{address}")).unwrap());
    let mut request = Request::new(ListOrdersRequest::default());
    request.metadata_mut().insert(FORWARDED_FOR, "2001:db8:1:2::3".parse().unwrap());
    assert_eq!(orders.list_orders(request).await.unwrap_err().code(), Code::Unauthenticated);
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["target"] == "rowhouse::request").collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    line["client"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_line_of_a_call_has_the_network_of_a_client_that_a_trusted_caller_names() {
    let database = TestDatabase::create().await;
    let trusted = [("ROWHOUSE_TRUSTED_PROXIES", "127.0.0.0/8")];
    assert_eq!(logged_client(&database, &trusted).await, "2001:db8:1:2::/64");
    assert_eq!(logged_client(&database, &[]).await, "127.0.0.1", "nobody is trusted by default");
}

#[test]
fn a_start_that_fails_is_one_sentence_and_exit_code_1() {
    let trust = trust();
    let output = program("postgres://rowhouse_orders:hunter2@127.0.0.1:1/rowhouse", &trust).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("rowhouse-orders: no connection to the database"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// The logins of two services are swapped.
#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    let database = TestDatabase::create().await;
    let output = program(&database.url(ServiceName::Auth), &trust()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.lines().last().unwrap(),
        "rowhouse-orders: DATABASE_URL logs in as rowhouse_auth, and this service works as rowhouse_orders: set \
         DATABASE_URL (--database-url) to a URL with the login of rowhouse_orders"
    );
}

/// Neither the database nor the port is touched: nothing listens on port 1.
#[test]
fn a_configuration_can_be_checked() {
    let trust = trust();
    let url = "postgres://rowhouse_orders:hunter2@127.0.0.1:1/rowhouse";
    let remote = url.replace("127.0.0.1", "db.invalid");
    let remote_without_authorities = format!("{remote}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem");
    let missing = trust.path().join("missing").to_str().unwrap().to_owned();
    for (variables, code, words) in [
        (vec![], 0, "the configuration is valid"),
        (vec![("DATABASE_URL", "mysql://db")], 1, "the database URL cannot be read"),
        (vec![("DATABASE_URL", remote.as_str())], 0, "the configuration is valid"),
        (
            vec![("DATABASE_URL", remote.as_str()), ("ROWHOUSE_ENVIRONMENT", "production")],
            1,
            "write sslmode=verify-full",
        ),
        (vec![("DATABASE_URL", &remote_without_authorities)], 1, "/nowhere/ca.pem"),
        (vec![("ROWHOUSE_DATABASE_URL_FILE", &missing)], 1, "missing"),
        (vec![("ROWHOUSE_ENCRYPTION_KEYS", &missing)], 1, "missing"),
        (vec![("ROWHOUSE_TLS_CERTIFICATE", &missing), ("ROWHOUSE_TLS_KEY", &missing)], 1, "missing"),
        (
            vec![("ROWHOUSE_LISTEN", "0.0.0.0:1"), ("ROWHOUSE_ENVIRONMENT", "production")],
            1,
            "--allow-plaintext-grpc",
        ),
        (
            vec![("ROWHOUSE_DATABASE_POOLSIZE", "8")],
            2,
            "ROWHOUSE_DATABASE_POOLSIZE is no setting of this program: the nearest is ROWHOUSE_DATABASE_POOL_SIZE",
        ),
    ] {
        let output = program(url, &trust).arg("--check-config").envs(variables.clone()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{variables:?}: {said}");
        assert!(said.contains(words) && !said.contains("hunter2"), "{variables:?}: {said}");
    }
}
