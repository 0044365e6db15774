//! Servers and files that a killed process left on the data directory.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::PostgresError;
use rowhouse_files as files;

/// The signals that stop a server, with the time for each: a fast shutdown, an immediate one, SIGKILL.
const WAYS_TO_STOP: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(20)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

const POLL: Duration = Duration::from_millis(20);

/// Ends a server that runs on the data directory. The caller holds the directory's lock, so the server belongs to no
/// other process.
pub(super) async fn clear(data: &Path) -> Result<(), PostgresError> {
    let pid_file = data.join("postmaster.pid");
    let unusable = |source| PostgresError::Io { path: pid_file.clone(), source };
    let written = match fs::read_to_string(&pid_file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        written => written.map_err(unusable)?,
    };
    // A negative number is a server for one session, which ends with its terminal.
    let pid = written.lines().next().and_then(|line| line.trim().parse().ok());
    let pid = pid.filter(|pid: &i32| *pid > 0).and_then(Pid::from_raw);
    let Some(pid) = pid.filter(|pid| is_server_of(*pid, data)) else {
        // The number may belong to another process by now, which the next server would take for a server.
        return files::remove(&pid_file).map_err(unusable);
    };
    tracing::info!(pid = pid.as_raw_pid(), "stopping the PostgreSQL of an earlier start");
    for (signal, patience) in WAYS_TO_STOP {
        // An error means that the process has ended.
        if kill_process(pid, signal).is_err() {
            break;
        }
        let until = Instant::now() + patience;
        while Instant::now() < until {
            // The server removes its file last; its process may stay as a zombie.
            if !pid_file.exists() || !is_server_of(pid, data) {
                return files::remove(&pid_file).map_err(unusable);
            }
            sleep(POLL).await;
        }
    }
    if is_server_of(pid, data) {
        return Err(PostgresError::StillRunning { directory: data.to_owned(), pid: pid.as_raw_pid() });
    }
    files::remove(&pid_file).map_err(unusable)
}

/// Returns whether the process was started with this data directory. Process ids are reused, so a running process
/// with this id proves little.
fn is_server_of(pid: Pid, data: &Path) -> bool {
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return false;
    }
    let data = data.as_os_str().as_bytes();
    match fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())) {
        Ok(line) => line.split(|byte| *byte == 0).any(|argument| argument == data),
        // This system has no /proc.
        Err(_) => Command::new("ps")
            .args(["-ww", "-o", "command=", "-p", &pid.as_raw_pid().to_string()])
            .output()
            .is_ok_and(|output| output.stdout.windows(data.len()).any(|part| part == data)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_pid_file_is_removed_and_the_process_of_that_number_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("postmaster.pid");
        let mut bystander =
            tokio::process::Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        let its_number = format!("{}\n/somewhere\n", bystander.id().unwrap());
        for content in [its_number, "1\n".into(), "-12\n".into(), String::new()] {
            fs::write(&pid_file, content).unwrap();
            clear(directory.path()).await.unwrap();
            assert!(!pid_file.exists());
        }
        assert_eq!(bystander.try_wait().unwrap(), None);
        bystander.kill().await.unwrap();
        clear(directory.path()).await.unwrap();
    }
}
