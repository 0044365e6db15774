//! [`PausedServer`], a server that does not answer.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::TestServer;

/// A server whose connections stay open, and nobody answers, until this is dropped.
#[must_use = "the server continues when this is dropped"]
pub struct PausedServer(Vec<Pid>);

impl TestServer {
    /// Kills one process of the server that serves a role, with SIGKILL. The server then ends all others, and recovers.
    pub async fn kill_one_of(&self, role: &str) {
        let of_role = "SELECT pid FROM pg_catalog.pg_stat_activity WHERE usename = $1 LIMIT 1";
        let pid: i32 = self.admin().await.query_one(of_role, &[&role]).await.unwrap().get(0);
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    /// Stops all processes of the server with SIGSTOP, and returns when they have stopped.
    pub async fn pause(&self) -> PausedServer {
        let mut paused = PausedServer(Vec::new());
        // It starts all others, and may be starting one until it has stopped.
        let first = self.postmaster();
        paused.stop(first).await;
        // PostgreSQL's own list lacks the processes whose clients are logging in.
        for process in children(first) {
            paused.stop(process).await;
        }
        paused
    }
}

fn children(process: Pid) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    children.split_whitespace().map(|child| Pid::from_raw(child.parse().unwrap()).unwrap()).collect()
}

/// Returns whether a process does nothing: it has stopped, or ended.
fn is_still(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:\t"));
    state.is_none_or(|state| state.starts_with(['T', 'Z']))
}

impl PausedServer {
    async fn stop(&mut self, process: Pid) {
        // A connection may have ended by itself.
        if kill_process(process, Signal::STOP).is_ok() {
            self.0.push(process);
        }
        while !is_still(process) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for PausedServer {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ended = kill_process(*process, Signal::CONT);
        }
    }
}
