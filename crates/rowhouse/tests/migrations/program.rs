//! Running the program and waiting for its effects.

use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use diesel_async::AsyncPgConnection;
use rowhouse_testkit::CommandLine;

use crate::holds;

/// The time limit, longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const ROWHOUSE: CommandLine = CommandLine::new(env!("CARGO_BIN_EXE_rowhouse"));

/// Returns `rowhouse migrate`.
pub(crate) fn migrate(url: &str, arguments: &[&str]) -> Command {
    ROWHOUSE.on(url, &[&["migrate"], arguments].concat())
}

/// Starts it without waiting.
pub(crate) fn start(url: &str) -> Child {
    migrate(url, &[]).spawn().unwrap()
}

/// Waits for success and returns both outputs.
pub(crate) async fn succeed(child: Child) -> String {
    let output = ended(child).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

pub(crate) async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until an SQL condition holds.
pub(crate) async fn until(conn: &mut AsyncPgConnection, condition: &str) {
    let start = Instant::now();
    while !holds(conn, condition).await {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {condition}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
