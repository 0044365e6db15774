//! The program as it is deployed.

use std::net::TcpListener;

use rowhouse_testkit::{Binary, ServiceName};

fn onboarding() -> Binary {
    Binary::of_service(ServiceName::Onboarding, env!("CARGO_BIN_EXE_rowhouse-onboarding"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_a_request_to_stop() {
    onboarding().serves_until_a_request_to_stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_message() {
    onboarding().reports_a_taken_port().await;
}

#[tokio::test]
async fn a_failed_start_is_a_log_line_in_json() {
    onboarding().reports_failures_as_json().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    onboarding().refuses_the_login_of_another_service().await;
}

/// Neither the database nor the port is touched, and nobody is called.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let onboarding = onboarding();
    let taken = TcpListener::bind(onboarding.address()).unwrap();
    let missing = onboarding.directory().join("missing").to_str().unwrap().to_owned();
    onboarding
        .check_configurations(&[
            (&[], 0, "the configuration is valid"),
            (&[("ROWHOUSE_SIGNING_KEYS", &missing)], 1, "missing"),
            (&[("ROWHOUSE_TRUST_DIR", &missing)], 1, "missing"),
            (&[("DATABASE_URL", "mysql://db")], 1, "the database URL cannot be read"),
            // The name is not looked up, so nothing is said about it.
            (&[("ROWHOUSE_AUTH_ENDPOINT", "http://auth.invalid:50051")], 0, "the configuration is valid"),
            (&[("ROWHOUSE_AUTH_ENDPOINT", "auth:50051")], 1, "--auth-endpoint"),
            (&[("ROWHOUSE_TLS_CA", &missing)], 1, "missing"),
            (
                &[
                    ("ROWHOUSE_ENVIRONMENT", "production"),
                    ("ROWHOUSE_ORDERS_ENDPOINT", "http://orders:50053"),
                ],
                1,
                "--allow-plaintext-grpc",
            ),
            (
                &[("ROWHOUSE_ORDER_ENDPOINT", "http://orders:50053")],
                2,
                "the nearest is ROWHOUSE_ORDERS_ENDPOINT",
            ),
        ])
        .await;
    drop(taken);
}
