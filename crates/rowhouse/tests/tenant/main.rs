//! `rowhouse tenant`: operators' commands on tenants.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod commands;
mod doors;
mod presets;
mod suspend;

use std::process::{Command, Output, Stdio};

use rowhouse_testkit::TestDatabase;

/// Runs `rowhouse tenant` on a database, without the environment of the tests.
pub(crate) async fn tenant(database: &TestDatabase, arguments: &[&str]) -> Output {
    run(&database.admin_url(), arguments).await
}

/// Runs it with another role's URL.
pub(crate) async fn run(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowhouse"));
    command.arg("tenant").args(arguments).args(["--database-url", url]);
    command.env_remove("DATABASE_URL").env_remove("ROWHOUSE_LOG").stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the error message without the program's name.
pub(crate) fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    stderr(output).trim_end().strip_prefix("rowhouse: ").unwrap().to_owned()
}
