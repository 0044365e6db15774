//! The program, and waiting for what it does.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rowhouse_testkit::TestDatabase;

/// Longer than anything here takes, also on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

fn command(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowhouse"));
    command.args(arguments).args(["--database-url", &database.admin_url()]);
    command.env_remove("DATABASE_URL").env_remove("ROWHOUSE_LOG").env_remove("ROWHOUSE_LOCK_WAIT");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Started and not waited for.
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

/// What `rowhouse migrate` says when it ends well.
pub(crate) async fn migrate(database: &TestDatabase) -> String {
    let child = command(database, &["migrate"]).spawn().unwrap();
    stdout(&tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap())
}

/// Of a program that has succeeded.
pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
