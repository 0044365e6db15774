//! The program as it is deployed.

use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use rowhouse_testkit::{Binary, ProgramName, ServiceName, TestDatabase};

fn auth() -> Binary {
    Binary::new(ProgramName::Service(ServiceName::Auth), env!("CARGO_BIN_EXE_rowhouse-auth"))
}

fn auth_on(database: &TestDatabase) -> Binary {
    auth().with("DATABASE_URL", database.url(ServiceName::Auth))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_a_request_to_stop() {
    let database = TestDatabase::create().await;
    let auth = auth_on(&database);
    let running = auth.start().await;
    let channel = channel(&format!("http://{}", auth.address())).unwrap();
    while !is_serving(&channel, "auth.v1.AuthService").await {
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
    let ended = auth_on(&database).run(&[], &variables).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.output,
        format!(
            "rowhouse-auth: port {} on 127.0.0.1 is in use; choose another with --listen\n",
            address.port()
        )
    );
}

/// The logins of two services are swapped.
#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    let database = TestDatabase::create().await;
    let ended = auth().run(&[], &[("DATABASE_URL", &database.url(ServiceName::Onboarding))]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.output.lines().last().unwrap(),
        "rowhouse-auth: DATABASE_URL logs in as rowhouse_onboarding, and this service works as rowhouse_auth: \
         set DATABASE_URL (--database-url) to a URL with the login of rowhouse_auth"
    );
}

/// Neither the database nor the port is touched, and nobody is called.
#[tokio::test]
async fn a_configuration_can_be_checked() {
    let auth = auth();
    let taken = std::net::TcpListener::bind(auth.address()).unwrap();
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
