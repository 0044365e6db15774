//! The program.

use std::process::Stdio;
use std::time::Duration;

use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use rowhouse_testkit::{ServiceName, TestDatabase};
use rowhouse_tokens::issuer;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::Keys;

const LIMIT: Duration = Duration::from_secs(30);

fn program(database: &TestDatabase, keys: &Keys) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rowhouse-auth"));
    program
        .env_clear()
        .env("ROWHOUSE_LISTEN", "127.0.0.1:0")
        .env("DATABASE_URL", database.url(ServiceName::Auth))
        .env("ROWHOUSE_TRUST_DIR", keys.trust_dir())
        .env("ROWHOUSE_ISSUER", issuer::DEVELOPMENT)
        .env("ROWHOUSE_SIGNING_KEYS", keys.signing_keys())
        .env("ROWHOUSE_BCRYPT_COST", "4")
        .env("ROWHOUSE_ENCRYPTION_KEYS", keys.encryption_keys())
        .env("ROWHOUSE_MAIL_DIR", keys.mail_dir())
        .env("ROWHOUSE_ENVIRONMENT", "dev")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_a_request_to_stop() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let mut running = program(&database, &keys).spawn().unwrap();
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    let run = async {
        let address = loop {
            let line = log.next_line().await.unwrap().unwrap();
            if let Some((_, address)) = line.split_once("auth listens on ") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
        };
        let channel = channel(&format!("http://{address}")).unwrap();
        while !is_serving(&channel, "auth.v1.AuthService").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pid = running.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        while log.next_line().await.unwrap().is_some() {}
        running.wait().await.unwrap()
    };
    let status = tokio::time::timeout(LIMIT, run).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_is_one_message() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut program = program(&database, &keys);
    program.env("ROWHOUSE_LISTEN", address.to_string()).env("ROWHOUSE_LOG", "off");
    let output = tokio::time::timeout(LIMIT, program.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "rowhouse-auth: port {} on 127.0.0.1 is in use; choose another with --listen\n",
            address.port()
        )
    );
}

/// The logins of two services are swapped.
#[tokio::test(flavor = "multi_thread")]
async fn another_services_login_is_refused() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let mut program = program(&database, &keys);
    program.env("DATABASE_URL", database.url(ServiceName::Onboarding));
    let output = tokio::time::timeout(LIMIT, program.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.lines().last().unwrap(),
        "rowhouse-auth: DATABASE_URL logs in as rowhouse_onboarding, and this service works as rowhouse_auth: \
         set DATABASE_URL (--database-url) to a URL with the login of rowhouse_auth"
    );
}
