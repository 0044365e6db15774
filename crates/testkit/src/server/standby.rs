//! A standby of a [`TestServer`].

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rowhouse_postgres::{Cluster, ClusterOptions};
use tokio::time::{sleep, timeout};

use super::TestServer;
use crate::scratch::scratch_directory;
use crate::watchdog;

const PATIENCE: Duration = Duration::from_secs(60);

impl TestServer {
    /// Copies the server, starts the copy as a standby that follows it, and makes the server wait for it at each commit.
    pub async fn start_standby(&self) -> Self {
        let directory = scratch_directory();
        let data = directory.path().join("postgres");
        let primary = self.cluster.as_ref().expect("it runs");
        let copy = Command::new(self.options.programs.path("pg_basebackup"))
            .args([
                "--no-sync",
                "--checkpoint=fast",
                "--wal-method=stream",
                "--write-recovery-conf",
                "--pgdata",
            ])
            .arg(&data)
            .arg("--dbname")
            .arg(primary.admin_url("postgres"))
            .output();
        let copy = copy.unwrap();
        assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
        let owner = fs::metadata(self.data_directory()).unwrap();
        give(&data, owner.uid(), owner.gid());
        let options = ClusterOptions { directory: directory.path().to_owned(), ..self.options.clone() };
        watchdog::start(std::process::id(), &options.directory).unwrap();
        let standby = Cluster::start(&options).await.unwrap_or_else(|error| panic!("{error}"));

        let admin = self.admin().await;
        admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let synchronous = async {
            let query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            while admin.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, synchronous).await.expect("the standby is synchronous");
        Self { cluster: Some(standby), options, passwords: self.passwords.clone(), directory }
    }
}

fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid, gid);
        }
    }
}
