//! [`PausedServer`], a server that does not answer.

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

    /// Stops all processes of the server with SIGSTOP.
    pub async fn pause(&self) -> PausedServer {
        let admin = self.admin().await;
        let mut paused = PausedServer(Vec::new());
        // The first process starts all others, so none is missed.
        paused.stop(self.postmaster());
        let own: i32 = admin.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await.unwrap().get(0);
        let others =
            admin.query("SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid <> $1", &[&own]).await;
        for pid in others.unwrap().iter().map(|row| row.get(0)).chain([own]) {
            paused.stop(Pid::from_raw(pid).unwrap());
        }
        paused
    }
}

impl PausedServer {
    fn stop(&mut self, process: Pid) {
        // A connection may have ended by itself.
        if kill_process(process, Signal::STOP).is_ok() {
            self.0.push(process);
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
