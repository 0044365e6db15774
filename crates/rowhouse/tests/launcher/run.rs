//! Running the program and checking what it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rowhouse_testkit::CommandLine;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// The time limit, longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Returns a directory that PostgreSQL can reach when the tests run as root.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// Returns the program without the settings of the tests' environment.
pub(crate) fn rowhouse(arguments: &[&str]) -> Command {
    CommandLine::new(env!("CARGO_BIN_EXE_rowhouse")).command(arguments)
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until there is a value, or panics.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the server's process on a data directory, if there is a trace of one.
pub(crate) fn server_of(data_dir: &Path) -> Option<Pid> {
    let written = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    Pid::from_raw(written.lines().next()?.trim().parse().ok()?)
}

/// Returns whether a process runs; a zombie does not.
pub(crate) fn is_running(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !status.contains("\nState:\tZ")
}
