//! Running the program.

use std::process::{Child, Output};

use rowhouse_testkit::{CommandLine, TestDatabase};

const ROWHOUSE: CommandLine = CommandLine::new(env!("CARGO_BIN_EXE_rowhouse"));

/// Starts it without waiting.
pub(crate) fn start(database: &TestDatabase, arguments: &[&str]) -> Child {
    ROWHOUSE.on(&database.admin_url(), &[&["backfill"], arguments].concat()).spawn().unwrap()
}

pub(crate) async fn backfill(database: &TestDatabase, arguments: &[&str]) -> Output {
    ROWHOUSE.run(&database.admin_url(), &[&["backfill"], arguments].concat()).await
}

pub(crate) async fn user(database: &TestDatabase, arguments: &[&str]) -> Output {
    ROWHOUSE.run(&database.admin_url(), &[&["user"], arguments].concat()).await
}

/// Runs `rowhouse migrate` and returns its output.
pub(crate) async fn migrate(database: &TestDatabase) -> String {
    stdout(&ROWHOUSE.run(&database.admin_url(), &["migrate"]).await)
}

/// Returns the output of a program that succeeded.
pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
