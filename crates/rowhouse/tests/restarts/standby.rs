//! A streaming standby of a cluster.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rowhouse_postgres::{Cluster, ClusterOptions};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::world::{DATABASE, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// Copies the primary, starts the copy as its standby, and makes the primary wait for it at each commit.
pub(crate) async fn follow(world: &World) -> Cluster {
    let primary = world.postgres.as_ref().unwrap();
    let directory = world.directory().join("standby");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let data = directory.join("postgres");
    let copy = Command::new(world.options.programs.path("pg_basebackup"))
        .args(["--no-sync", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--pgdata"])
        .arg(&data)
        .arg("--dbname")
        .arg(primary.admin_url("postgres"))
        .output();
    let copy = copy.unwrap();
    assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
    // PostgreSQL may have to run as another user.
    let owner = std::fs::metadata(world.directory().join("postgres")).unwrap();
    give(&data, owner.uid(), owner.gid());
    let options = ClusterOptions { directory, ..world.options.clone() };
    let standby = Cluster::start(&options).await.unwrap();

    let admin = rowhouse_migrator::connect(&primary.admin_url(DATABASE), None).await.unwrap();
    admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let synchronous = async {
        let query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while admin.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, synchronous).await.expect("the standby is synchronous");
    standby
}

/// Kills the primary with its children, as a machine that fails.
pub(crate) fn kill(world: &mut World) {
    let pid = std::fs::read_to_string(world.directory().join("postgres/postmaster.pid")).unwrap();
    let pid: i32 = pid.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    drop(world.postgres.take());
}

fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid, gid);
        }
    }
}
