//! A PgBouncer between the pool and PostgreSQL. Its tests need `pgbouncer` on PATH.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rowhouse_tenancy::{ConnectError, DatabaseConfig, TenantDb};
use rowhouse_testkit::{ServiceName, TestDatabase};
use tempfile::TempDir;

pub(crate) struct PgBouncer {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl PgBouncer {
    /// Starts PgBouncer. Returns `None` if it is not installed.
    pub(crate) async fn start(database: &TestDatabase, pool_mode: &str) -> Option<Self> {
        let url = database.url(ServiceName::Orders);
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
                 {name} = host={host} port={server_port} dbname={name} user={user} password={password} pool_size=1\n\
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

    pub(crate) async fn connect(&self) -> Result<TenantDb, ConnectError> {
        TenantDb::connect(&DatabaseConfig {
            pool_size: 2,
            ..DatabaseConfig::new(format!("postgres://rowhouse_orders@127.0.0.1:{}/db", self.port))
        })
        .await
    }

    /// Returns the host and port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// PgBouncer 1.21 and newer can keep prepared statements across servers, and 1.24 and newer do so by default.
    pub(crate) fn loses_prepared_statements() -> bool {
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
