//! The program as it is deployed.

use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use rowhouse_testkit::{Binary, ProgramName, ServiceName, TestDatabase};

fn onboarding() -> Binary {
    Binary::new(ProgramName::Service(ServiceName::Onboarding), env!("CARGO_BIN_EXE_rowhouse-onboarding"))
}

fn onboarding_on(database: &TestDatabase) -> Binary {
    onboarding().with("DATABASE_URL", database.url(ServiceName::Onboarding))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_a_request_to_stop() {
    let database = TestDatabase::create().await;
    let onboarding = onboarding_on(&database);
    let running = onboarding.start().await;
    let channel = channel(&format!("http://{}", onboarding.address())).unwrap();
    while !is_serving(&channel, "onboarding.v1.OnboardingService").await {
        tokio::task::yield_now().await;
    }
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_is_one_message() {
    let database = TestDatabase::create().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let variables = [("ROWHOUSE_LISTEN", address.to_string()), ("ROWHOUSE_LOG", "off".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ended = onboarding_on(&database).run(&[], &variables).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.output,
        format!(
            "rowhouse-onboarding: port {} on 127.0.0.1 is in use; choose another with --listen\n",
            address.port()
        )
    );
}

/// The logins of two services are swapped.
#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    let database = TestDatabase::create().await;
    let ended = onboarding().run(&[], &[("DATABASE_URL", &database.url(ServiceName::Orders))]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.output.lines().last().unwrap(),
        "rowhouse-onboarding: DATABASE_URL logs in as rowhouse_orders, and this service works as rowhouse_onboarding: \
         set DATABASE_URL (--database-url) to a URL with the login of rowhouse_onboarding"
    );
}

/// Neither the database nor the port is touched, and nobody is called.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let onboarding = onboarding();
    let taken = std::net::TcpListener::bind(onboarding.address()).unwrap();
    let missing = onboarding.directory().join("missing").to_str().unwrap().to_owned();
    onboarding
        .check_configurations(&[
            (&[], 0, "the configuration is valid"),
            (&[("ROWHOUSE_SIGNING_KEYS", &missing)], 1, "missing"),
            (&[("ROWHOUSE_TRUST_DIR", &missing)], 1, "missing"),
            (&[("DATABASE_URL", "mysql://db")], 1, "the database URL cannot be read"),
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
