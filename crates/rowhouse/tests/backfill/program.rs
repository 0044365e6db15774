//! Running the program and waiting for its effects.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rowhouse_testkit::TestDatabase;

/// The time limit, longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

fn command(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowhouse"));
    command.args(arguments).args(["--database-url", &database.admin_url()]);
    command.env_remove("DATABASE_URL").env_remove("ROWHOUSE_LOG").env_remove("ROWHOUSE_LOCK_WAIT");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts it without waiting.
pub(crate) fn start(database: &TestDatabase, arguments: &[&str]) -> Child {
    command(database, &[&["backfill"], arguments].concat()).spawn().unwrap()
}

pub(crate) async fn backfill(database: &TestDatabase, arguments: &[&str]) -> Output {
    let child = start(database, arguments);
    tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap()
}

pub(crate) async fn user(database: &TestDatabase, arguments: &[&str]) -> Output {
    let child = command(database, &[&["user"], arguments].concat()).spawn().unwrap();
    tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap()
}

/// Runs `rowhouse migrate` and returns its output.
pub(crate) async fn migrate(database: &TestDatabase) -> String {
    let child = command(database, &["migrate"]).spawn().unwrap();
    stdout(&tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap())
}

/// Returns the output of a program that succeeded.
pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
