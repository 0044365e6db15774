//! The program as it is deployed.

use std::net::TcpListener;

use rowhouse_testkit::{Binary, ServiceName};

fn auth() -> Binary {
    Binary::of_service(ServiceName::Auth, env!("CARGO_BIN_EXE_rowhouse-auth"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_a_request_to_stop() {
    auth().serves_until_a_request_to_stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_message() {
    auth().reports_a_taken_port().await;
}

#[tokio::test]
async fn a_failed_start_is_a_log_line_in_json() {
    auth().reports_failures_as_json().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    auth().refuses_the_login_of_another_service().await;
}

/// Neither the database nor the port is touched, and nobody is called.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let auth = auth();
    let taken = TcpListener::bind(auth.address()).unwrap();
    let missing = auth.directory().join("missing").to_str().unwrap().to_owned();
    auth.check_configurations(&[
        (&[], 0, "the configuration is valid"),
        (&[("ROWHOUSE_SIGNING_KEYS", &missing)], 1, "missing"),
        (&[("ROWHOUSE_ENCRYPTION_KEYS", &missing)], 1, "missing"),
        (&[("ROWHOUSE_TRUST_DIR", &missing)], 1, "missing"),
        (&[("DATABASE_URL", "mysql://db")], 1, "the database URL cannot be read"),
        (&[("ROWHOUSE_SMTP_URL", "smtps://mail.example.com")], 2, "cannot be used with"),
        (&[("ROWHOUSE_BCRYPT_COST", "3")], 2, "3 is not in"),
        (&[("ROWHOUSE_ENVIRONMENT", "production")], 1, "too low for production"),
        (&[("ROWHOUSE_SIGNUPS_PER_NETWORK", "8")], 2, "the nearest is ROWHOUSE_SIGN_UPS_PER_NETWORK"),
    ])
    .await;
    drop(taken);
}
