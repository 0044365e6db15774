//! [`Shell`], which runs blocks of the guide.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rowhouse_testkit::{TestServer, remove_after_the_test};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(120);

/// A directory in which an operator works, with the programs of the guide.
pub(crate) struct Shell {
    directory: TempDir,
    path: OsString,
    account: Option<(u32, u32)>,
    variables: BTreeMap<&'static str, String>,
}

impl Shell {
    /// An operator, who uses the database from any machine.
    pub(crate) fn of_operator(server: &TestServer) -> Self {
        let rowhouse = Path::new(env!("CARGO_BIN_EXE_rowhouse")).parent().unwrap().to_owned();
        let postgres = server.program("postgres").parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [postgres, rowhouse].into_iter().chain(std::env::split_paths(&path));
        let directory = tempfile::tempdir().unwrap();
        Self {
            path: std::env::join_paths(path).unwrap(),
            account: None,
            variables: BTreeMap::from([("HOME", directory.path().display().to_string())]),
            directory,
        }
    }

    /// An operator on a machine like the server's, with the account of the server. Another one may run in the directory `postgres`.
    pub(crate) fn on_server(server: &TestServer) -> Self {
        let mut shell = Self::of_operator(server);
        remove_after_the_test(shell.directory.path());
        let owner = fs::metadata(server.data_directory()).unwrap();
        if owner.uid() != fs::metadata(shell.directory.path()).unwrap().uid() {
            shell.account = Some((owner.uid(), owner.gid()));
            shell.give(shell.directory.path());
        }
        fs::set_permissions(shell.directory.path(), Permissions::from_mode(0o700)).unwrap();
        shell
    }

    /// Makes the account the owner of a file or directory.
    pub(crate) fn give(&self, path: &Path) {
        if let Some((uid, gid)) = self.account {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    pub(crate) fn set(&mut self, variable: &'static str, value: &str) {
        self.variables.insert(variable, value.to_owned());
    }

    /// Makes a database the one that the guide calls `$ADMIN`.
    pub(crate) fn use_database(&mut self, url: &str) {
        self.set("ADMIN", url);
        self.set("DATABASE_URL", url);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs commands as someone who stops at the first one that fails, and returns their output.
    pub(crate) async fn run(&self, commands: &str) -> String {
        let (ended, output) = self.attempt(commands).await;
        assert!(ended, "{commands}\n{output}");
        output
    }

    /// Runs commands, and returns whether they succeeded, and their output.
    pub(crate) async fn attempt(&self, commands: &str) -> (bool, String) {
        // No pipe, which a server that they start would keep open.
        let file = tempfile::NamedTempFile::new().unwrap();
        let output: File = file.reopen().unwrap();
        let mut command = Command::new("bash");
        command.args(["-eu", "-o", "pipefail", "-c", commands]);
        command.current_dir(self.directory.path()).env_clear().env("PATH", &self.path).env("LC_ALL", "C");
        command.envs(&self.variables).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        let status = timeout(PATIENCE, command.status()).await;
        let output = String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned();
        let status = status.unwrap_or_else(|_| panic!("they do not end: {commands}\n{output}"));
        (status.unwrap().success(), output)
    }
}
