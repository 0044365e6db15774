//! The program as it is deployed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, SocketAddr, UdpSocket};

use reqwest::{Client, StatusCode};
use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::config::{CallTlsArgs, Environment, TlsArgs};
use rowhouse_chassis::grpc;
use rowhouse_chassis::health::is_serving;
use rowhouse_chassis::tls::CallTls;
use rowhouse_proto::orders::v1::ListOrdersRequest;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_testkit::{
    Binary, CertificateAuthority, ServiceName, TestDatabase, TestServer, own_address, until,
    until_certificate_expires,
};
use serde_json::Value;
use tokio::time::{Duration, sleep, timeout};
use tonic::{Code, Request};

const PATIENCE: Duration = Duration::from_secs(30);

fn orders() -> Binary {
    Binary::of_service(ServiceName::Orders, env!("CARGO_BIN_EXE_rowhouse-orders"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_a_request_to_stop() {
    orders().serves_until_a_request_to_stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_message() {
    orders().reports_a_taken_port().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_callers_with_a_certificate_only() {
    let database = TestDatabase::create().await;
    let orders = orders().on(&database);
    let directory = orders.directory().to_owned();
    let authority = CertificateAuthority::new();
    let ca = directory.join("ca.crt");
    std::fs::write(&ca, authority.pem()).unwrap();
    let address = orders.address();
    let (admin, name) = (own_address(), address.ip().to_string());
    let (certificate, key) = authority.issue_until(2040, &[&name]).write(&directory, "orders");
    let own = authority.issue(&["rowhouse-gateway"]).write(&directory, "gateway");
    let orders = orders
        .with("ROWHOUSE_ADMIN_LISTEN", admin)
        .with("ROWHOUSE_TLS_CERTIFICATE", certificate.display())
        .with("ROWHOUSE_TLS_KEY", key.display())
        .with("ROWHOUSE_TLS_CLIENT_CA", ca.display())
        .with("ROWHOUSE_TLS_CLIENT_NAMES", "rowhouse-gateway,rowhouse-onboarding");
    let running = orders.start().await;
    let call = CallTlsArgs { tls_ca: Some(ca) };
    let with = TlsArgs { tls_certificate: Some(own.0), tls_key: Some(own.1), ..TlsArgs::default() };
    for (own, served) in [(with, true), (TlsArgs::default(), false)] {
        let tls = CallTls::new(&own, &call, Environment::Production);
        let channel = grpc::channel_over(&format!("https://{address}"), &tls).unwrap();
        assert_eq!(is_serving(&channel, "").await, served);
    }

    // An operator sees until when.
    until_certificate_expires(admin, "server", 2040).await;
    drop(running);
}

/// A database with a certificate that the operating system trusts needs no file of authorities. `SSL_CERT_FILE` is the system's store.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_known_by_the_authorities_of_the_system() {
    let (server, authority) = (TestServer::start().await, CertificateAuthority::new());
    server.present(&authority.issue_until(2040, &["localhost"]), &authority).await;
    let setting = "SELECT setting FROM pg_settings WHERE name = 'ssl'";
    let encrypts = async {
        while server.admin().await.query_one(setting, &[]).await.unwrap().get::<_, String>(0) != "on" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, encrypts).await.expect("the server reads its certificate");

    let url = server.url(ServiceName::Orders).replace("127.0.0.1", "localhost");
    let orders =
        orders().with("DATABASE_URL", format!("{}?sslrootcert=system", url.split('?').next().unwrap()));
    let store = |name: &str, authority: &CertificateAuthority| {
        let file = orders.directory().join(name);
        std::fs::write(&file, authority.pem()).unwrap();
        file
    };
    let (own, other) = (store("own.pem", &authority), store("other.pem", &CertificateAuthority::new()));
    let refused = orders.run(&[], &[("SSL_CERT_FILE", other.to_str().unwrap())]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    assert!(refused.output.contains("invalid peer certificate"), "{}", refused.output);

    let admin = own_address();
    let orders = orders
        .with("SSL_CERT_FILE", own.display())
        .with("ROWHOUSE_ADMIN_LISTEN", admin)
        .with("ROWHOUSE_DATABASE_MAX_LIFETIME", 1);
    let _running = orders.start().await;
    let connections = "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE usename = 'rowhouse_orders'";
    // Each lasts for a second only, so there may be none for a moment.
    until(async || {
        let row = server.admin().await.query_one(connections, &[]).await.unwrap();
        row.get::<_, i64>(0) > 0 && row.get::<_, bool>(1)
    })
    .await;

    // An operator sees how long it will be known, and that a new certificate is used.
    until_certificate_expires(admin, "database", 2040).await;
    server.present(&authority.issue_until(2050, &["localhost"]), &authority).await;
    until_certificate_expires(admin, "database", 2050).await;
}

#[tokio::test]
async fn a_start_that_fails_is_one_sentence_and_exit_code_1() {
    let ended = orders().run(&[], &[]).await;
    assert_eq!(ended.code, Some(1));
    let said = ended.output;
    assert!(said.starts_with("rowhouse-orders: no connection to the database"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_failed_start_is_a_log_line_in_json() {
    orders().reports_failures_as_json().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    orders().refuses_the_login_of_another_service().await;
}

/// Neither the database nor the port is touched: nothing listens on port 1.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let orders = orders();
    let remote = "postgres://rowhouse_orders:hunter2@db.invalid:1/rowhouse";
    let remote_without_authorities = format!("{remote}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem");
    let missing = orders.directory().join("missing").to_str().unwrap().to_owned();
    orders
        .check_configurations(&[
            (&[], 0, "the configuration is valid"),
            (&[("DATABASE_URL", "mysql://db")], 1, "the database URL cannot be read"),
            (&[("DATABASE_URL", remote)], 0, "the configuration is valid"),
            (
                &[("DATABASE_URL", remote), ("ROWHOUSE_ENVIRONMENT", "production")],
                1,
                "write sslmode=verify-full",
            ),
            (&[("DATABASE_URL", &remote_without_authorities)], 1, "/nowhere/ca.pem"),
            (&[("ROWHOUSE_DATABASE_URL_FILE", &missing)], 1, "missing"),
            (&[("ROWHOUSE_ENCRYPTION_KEYS", &missing)], 1, "missing"),
            (&[("ROWHOUSE_TLS_CERTIFICATE", &missing), ("ROWHOUSE_TLS_KEY", &missing)], 1, "missing"),
            (
                &[("ROWHOUSE_LISTEN", "0.0.0.0:1"), ("ROWHOUSE_ENVIRONMENT", "production")],
                1,
                "--allow-plaintext-grpc",
            ),
            (
                &[("ROWHOUSE_DATABASE_POOLSIZE", "8")],
                2,
                "ROWHOUSE_DATABASE_POOLSIZE is no setting of this program: the nearest is ROWHOUSE_DATABASE_POOL_SIZE",
            ),
        ])
        .await;
}

/// Returns an address of this machine that other machines could use, if it has one. Nothing is sent.
fn address_of_the_machine() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // An address for documentation (RFC 5737), to which the default route leads.
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().unwrap().ip();
    (!address.is_loopback()).then_some(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_the_program_and_change_its_log_from_the_machine_itself() {
    let database = TestDatabase::create().await;
    let orders = orders()
        .on(&database)
        .with("ROWHOUSE_ADMIN_LISTEN", "0.0.0.0:0")
        .with("ROWHOUSE_LOG", "warn,rowhouse_chassis::telemetry=info");
    let running = orders.start().await;
    let line = running.line_with("metrics are at http://").await;
    let port = line.split("0.0.0.0:").nth(1).unwrap().split('/').next().unwrap().parse::<u16>().unwrap();
    let http = Client::new();
    let url = |host: IpAddr, path: &str| format!("http://{}{path}", SocketAddr::new(host, port));
    let here = |path: &str| url(IpAddr::from([127, 0, 0, 1]), path);
    let get = async |path: &str| http.get(here(path)).send().await.unwrap();

    let ready = async {
        while get("/readyz").await.status() != StatusCode::OK {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready).await.expect("it is ready");
    assert_eq!(get("/readyz").await.text().await.unwrap(), "ready\n");
    assert_eq!(get("/healthz").await.text().await.unwrap(), "alive\n");

    // Each call is refused, which is a line at the level info.
    let call = async || {
        let mut client = OrderServiceClient::connect(format!("http://{}", orders.address())).await.unwrap();
        let refused = client.list_orders(ListOrdersRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    };
    call().await;
    let metrics = get("/metrics").await.text().await.unwrap();
    let count = metrics.lines().find(|line| {
        line.starts_with("rpc_server_call_duration_seconds_count") && line.contains("ListOrders")
    });
    assert!(count.is_some_and(|count| count.ends_with(" 1")), "{count:?} in {metrics}");
    assert!(metrics.contains("rowhouse_ready{rowhouse_part=\"orders.v1.OrderService\"} 1"), "{metrics}");

    let put = async |host: IpAddr, filter: &'static str| {
        http.put(url(host, "/log-filter")).body(filter).send().await.unwrap()
    };
    match address_of_the_machine() {
        Some(other) => {
            let refused = put(other, "trace").await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN);
            assert!(refused.text().await.unwrap().contains("from the machine itself"));
            // It may be read.
            let read = http.get(url(other, "/log-filter")).send().await.unwrap().text().await.unwrap();
            assert_eq!(read, "warn,rowhouse_chassis::telemetry=info\n");
        }
        None => eprintln!("this machine has no address but loopback ones: the refusal is not tested"),
    }
    let changed = put([127, 0, 0, 1].into(), "info").await;
    assert_eq!(changed.status(), StatusCode::NO_CONTENT);
    assert_eq!(get("/log-filter").await.text().await.unwrap(), "info\n");
    call().await;
    running.line_with("orders.v1.OrderService/ListOrders Unauthenticated").await;
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let lines = ended.output.lines().filter(|line| line.contains("ListOrders")).count();
    assert_eq!(lines, 1, "the first call has no line: {}", ended.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_and_the_metrics_say_that_the_program_cannot_write() {
    let server = TestServer::start().await;
    let admin = own_address();
    let orders =
        orders().with("DATABASE_URL", server.url(ServiceName::Orders)).with("ROWHOUSE_ADMIN_LISTEN", admin);
    let running = orders.start().await;
    let http = Client::new();
    let get = async |path: &str| {
        let answer = http.get(format!("http://{admin}{path}")).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let until = async |wanted: StatusCode, ready: u8| {
        let reached = async {
            loop {
                let (status, text) = get("/readyz").await;
                if status == wanted {
                    return text;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let text =
            timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("not {wanted}: {}", running.output()));
        let metrics = get("/metrics").await.1;
        let sample = format!("rowhouse_ready{{rowhouse_part=\"orders.v1.OrderService\"}} {ready}\n");
        assert!(metrics.contains(&sample), "{sample} in {metrics}");
        text
    };
    assert_eq!(until(StatusCode::OK, 1).await, "ready\n");

    // Of a session that began before, so that it can write.
    let sql = server.admin().await;
    let set = async |value: &str| {
        sql.batch_execute(&format!("ALTER DATABASE rowhouse {value}")).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rowhouse_orders'";
        sql.batch_execute(end).await.unwrap();
    };
    set("SET default_transaction_read_only = on").await;
    let said = until(StatusCode::SERVICE_UNAVAILABLE, 0).await;
    assert!(said.starts_with("not ready: ") && said.contains("orders.v1.OrderService"), "{said}");
    // The process runs: to restart it would not help.
    assert_eq!(get("/healthz").await.0, StatusCode::OK);
    running.line_with("read-only").await;
    set("RESET default_transaction_read_only").await;
    assert_eq!(until(StatusCode::OK, 1).await, "ready\n");
}

/// Calls from this machine on behalf of `2001:db8:1:2::3`, and returns the client in the log line of the call.
async fn logged_client(orders: Binary) -> Value {
    let orders = orders.with("ROWHOUSE_LOG_FORMAT", "json");
    let running = orders.start().await;
    let channel = grpc::channel(&format!("http://{}", orders.address())).unwrap();
    let mut request = Request::new(ListOrdersRequest::default());
    request.metadata_mut().insert(FORWARDED_FOR, "2001:db8:1:2::3".parse().unwrap());
    let refused = OrderServiceClient::new(channel).list_orders(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let ended = running.stop().await.output;
    let lines = ended.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["target"] == "rowhouse::request").collect();
    let [line] = lines.as_slice() else { panic!("{ended}") };
    line["client"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_line_of_a_call_has_the_network_of_a_client_that_a_trusted_caller_names() {
    let database = TestDatabase::create().await;
    let trusting = orders().on(&database).with("ROWHOUSE_TRUSTED_PROXIES", "127.0.0.0/8");
    assert_eq!(logged_client(trusting).await, "2001:db8:1:2::/64");
    let own = logged_client(orders().on(&database)).await;
    assert!(own.as_str().is_some_and(|own| own.starts_with("127.")), "nobody is trusted by default: {own}");
}
