//! PgBouncer between the pool and PostgreSQL. Without a `pgbouncer` on PATH there is nothing to test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rowhouse_tenancy::{ConnectError, DatabaseConfig, DbError, TenantDb};
use rowhouse_testkit::{Role, TestDatabase};
use tempfile::TempDir;

struct PgBouncer {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl PgBouncer {
    /// None where it is not installed.
    async fn start(database: &TestDatabase, pool_mode: &str) -> Option<Self> {
        let url = database.url(Role::Orders);
        let (login, server) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let (address, database) = server.split_once('/').unwrap();
        let name = database.split('?').next().unwrap();
        let (host, server_port) = address.split_once(':').unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();

        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let config = directory.path().join("pgbouncer.ini");
        std::fs::write(
            &config,
            format!(
                "[databases]\ndb = host={host} port={server_port} dbname={name} user={user} password={password}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
                 pool_mode = {pool_mode}\nignore_startup_parameters = extra_float_digits\n"
            ),
        )
        .unwrap();
        std::fs::set_permissions(&config, PermissionsExt::from_mode(0o644)).unwrap();
        let mut command = Command::new("pgbouncer");
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let process = command.arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let started = Self { process, port, _directory: directory };
        tokio::time::timeout(Duration::from_secs(30), async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("pgbouncer listens");
        Some(started)
    }

    async fn connect(&self) -> Result<TenantDb, ConnectError> {
        TenantDb::connect(&DatabaseConfig {
            url: format!("postgres://rowhouse_orders@127.0.0.1:{}/db", self.port),
            pool_size: 2,
            acquire_timeout: Duration::from_secs(5),
            ca_file: None,
        })
        .await
    }

    /// From 1.21 on it can carry prepared statements from server to server, and from 1.24 on it does so unasked.
    fn loses_prepared_statements() -> bool {
        let version = Command::new("pgbouncer").arg("--version").output().unwrap().stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let minor = version.split_whitespace().nth(1).and_then(|version| version.split('.').nth(1)).unwrap();
        minor.parse::<u32>().unwrap() < 24
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_loses_prepared_statements_is_refused() {
    let database = TestDatabase::create().await;
    let Some(pooler) = PgBouncer::start(&database, "transaction").await else {
        eprintln!("pgbouncer is not installed");
        return;
    };
    match pooler.connect().await {
        Err(ConnectError::Pooler) => {}
        Ok(_) => assert!(!PgBouncer::loses_prepared_statements(), "the pooler was not recognised"),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_sessions_together_is_fine() {
    let database = TestDatabase::create().await;
    let Some(pooler) = PgBouncer::start(&database, "session").await else {
        eprintln!("pgbouncer is not installed");
        return;
    };
    let db = pooler.connect().await.unwrap_or_else(|error| panic!("{error}"));
    let one = db
        .global_tx::<i32, DbError, _>("one", async |tx| {
            use diesel_async::RunQueryDsl;
            Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).get_result(tx).await?)
        })
        .await
        .unwrap();
    assert_eq!(one, 1);
}
