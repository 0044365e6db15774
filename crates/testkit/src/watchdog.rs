//! The watchdog process, which cleans up after a run, also after a killed one.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The watchdog's script. It waits for the end of the run, which is process `$1`, then stops the server whose data is in
/// `$2` and removes the directory.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
running() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
while running "$1"; do sleep 1; done
server=$(head -n 1 "$2/postgres/postmaster.pid" 2>/dev/null)
if [ -n "$server" ]; then
    kill -QUIT "$server" 2>/dev/null
    tries=0
    while running "$server" && [ "$tries" -lt 10 ]; do sleep 1; tries=$((tries + 1)); done
fi
rm -rf "$2"
"#;

/// Starts the watchdog, which outlives this process. It inherits no open files and gets no signals from the terminal.
pub(crate) fn start(run: u32, directory: &Path) -> std::io::Result<()> {
    Command::new("sh")
        .args(["-c", SCRIPT, "rowhouse-test-watchdog", &run.to_string()])
        .arg(directory)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Lets a directory be removed, and the server whose data is in its `postgres` be stopped, when the test's process ends, however that
/// happens.
pub fn remove_after_the_test(directory: &Path) {
    start(std::process::id(), directory).unwrap();
}
