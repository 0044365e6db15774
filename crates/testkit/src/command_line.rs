//! [`CommandLine`], the program `rowhouse` as an operator calls it.

use std::process::{Command, Output, Stdio};

/// The command line.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine(&'static str);

impl CommandLine {
    /// Takes the program's file, `env!("CARGO_BIN_EXE_rowhouse")`.
    #[must_use]
    pub const fn new(file: &'static str) -> Self {
        Self(file)
    }

    /// Returns a command with the environment of the tests, but without settings in it: a person's own must not change what is
    /// tested.
    #[must_use]
    pub fn command(self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.0);
        command.args(arguments).env_remove("DATABASE_URL");
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("ROWHOUSE_") {
                command.env_remove(variable);
            }
        }
        command
    }

    /// Returns one that works on a database, whose input is empty and whose output is read.
    #[must_use]
    pub fn on(self, url: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.args(["--database-url", url]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command on a database until it ends.
    pub async fn run(self, url: &str, arguments: &[&str]) -> Output {
        let mut command = self.on(url, arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}
