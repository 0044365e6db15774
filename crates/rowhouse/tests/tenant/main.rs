//! `rowhouse tenant`: operators' commands on tenants.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod actions;
mod commands;
mod credentials;
mod many;
mod oldest;
mod presets;
mod reencrypt;
mod restore;
mod retention;
mod suspend;
mod unread;
mod usage;

use std::process::Output;

use rowhouse_testkit::{CommandLine, TestDatabase};
use serde_json::Value;

pub(crate) const ROWHOUSE: CommandLine = CommandLine::new(env!("CARGO_BIN_EXE_rowhouse"));

/// Runs `rowhouse tenant` on a database.
pub(crate) async fn tenant(database: &TestDatabase, arguments: &[&str]) -> Output {
    run(&database.admin_url(), arguments).await
}

/// Runs it with another role's URL.
pub(crate) async fn run(url: &str, arguments: &[&str]) -> Output {
    rowhouse(url, &[&["tenant"], arguments].concat()).await
}

/// Runs any command.
pub(crate) async fn rowhouse(url: &str, arguments: &[&str]) -> Output {
    ROWHOUSE.run(url, arguments).await
}

/// Returns the JSON document of a command that succeeded.
pub(crate) async fn json(database: &TestDatabase, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--output", "json"]].concat();
    let printed = stdout(&rowhouse(&database.admin_url(), &arguments).await);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
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
