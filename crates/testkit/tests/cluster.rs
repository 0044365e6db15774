//! Tests of the cluster: one for a run, one database for a test, nothing afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rowhouse_testkit::{ServiceName, TestDatabase, TestServer, scratch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// The variable with the path of the file in which a process of another run records its server.
const REPORT: &str = "ROWHOUSE_TESTKIT_REPORT";

async fn exists(conn: &mut AsyncPgConnection, query: &str) -> bool {
    // Divides by zero if there is no row.
    conn.batch_execute(&format!("SELECT 1 / count(*) FROM ({query}) found")).await.is_ok()
}

#[tokio::test]
async fn each_database_is_a_migrated_one_of_its_own() {
    let (one, other) = (TestDatabase::create().await, TestDatabase::create().await);
    let tenant = "INSERT INTO tenancy.tenants (id, slug, name) VALUES (gen_random_uuid(), 'acme', 'Acme')";
    one.admin().await.batch_execute(tenant).await.unwrap();
    assert!(exists(&mut one.admin().await, "SELECT FROM tenancy.tenants").await);
    assert!(!exists(&mut other.admin().await, "SELECT FROM tenancy.tenants").await);
    for service in ServiceName::ALL {
        let user = format!("SELECT WHERE current_user = '{}'", service.role());
        assert!(exists(&mut other.connect_as(*service).await, &user).await);
    }

    let name = one.admin_url().rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned();
    let listed = format!("SELECT FROM pg_database WHERE datname = '{name}'");
    let mut admin = other.admin().await;
    assert!(exists(&mut admin, &listed).await);
    // Open connections are terminated.
    let _lingering = one.admin().await;
    drop(one);
    assert!(!exists(&mut admin, &listed).await);

    if let Some(report) = std::env::var_os(REPORT) {
        let server = other.admin_url().split('/').nth(2).unwrap().to_owned();
        writeln!(OpenOptions::new().append(true).create(true).open(report).unwrap(), "{server}").unwrap();
    }
}

/// A shell in place of `cargo test` starts this binary twice, as if it were two test programs, and is killed.
#[test]
fn a_run_shares_one_server_and_leaves_nothing_behind_even_when_it_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report");
    let binary = std::env::current_exe().unwrap();
    let once =
        format!("'{}' --exact each_database_is_a_migrated_one_of_its_own >/dev/null", binary.display());
    let mut run = Killed(
        Command::new("sh")
            .args(["-c", &format!("{once} & {once} & wait; while :; do sleep 1; done")])
            .env(REPORT, &report)
            .spawn()
            .unwrap(),
    );
    let of_the_run = scratch().join(format!("rowhouse-test-{}", run.0.id()));
    let reported = || fs::read_to_string(&report).unwrap_or_default();
    until("two processes", || reported().lines().count() == 2);
    let (first, second) =
        reported().split_once('\n').map(|(a, b)| (a.to_owned(), b.trim().to_owned())).unwrap();
    assert_eq!(first, second, "both used one server");
    let pid_file = of_the_run.join("postgres/postmaster.pid");
    let server = fs::read_to_string(pid_file).unwrap().lines().next().unwrap().to_owned();
    assert!(is_running(&server));

    run.kill();
    until("an end of the directory", || !of_the_run.exists());
    assert!(!is_running(&server));
}

struct Killed(Child);

impl Killed {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // The process may already be dead.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn is_running(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status"));
    // Without /proc a signal is sent instead, which also succeeds for a zombie.
    status.map_or_else(
        |_| Command::new("kill").args(["-0", pid]).status().is_ok_and(|status| status.success()),
        |status| !status.contains("\nState:\tZ"),
    )
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_processes_of_a_paused_server_have_stopped_while_clients_connect() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 20;
    const PATIENCE: Duration = Duration::from_secs(60);
    let server = TestServer::start().await;
    let url = server.url(ServiceName::Orders);
    for round in 0..ROUNDS {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let url = url.clone();
            clients.spawn(async move { tokio_postgres::connect(&url, NoTls).await.map(drop) });
        }
        // Some are logged in, and others are logging in.
        timeout(PATIENCE, clients.join_next()).await.unwrap().unwrap().unwrap().unwrap();
        let paused = server.pause().await;
        let data = server.data_directory();
        let pid = fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let first = pid.lines().next().unwrap();
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        for process in children.split_whitespace().chain([first]) {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let stops = status.contains("State:\tT") || status.contains("State:\tZ");
            assert!(stops, "round {round}: {status}");
        }
        drop(paused);
        while let Some(connected) = timeout(PATIENCE, clients.join_next()).await.unwrap() {
            connected.unwrap().unwrap();
        }
    }
}
