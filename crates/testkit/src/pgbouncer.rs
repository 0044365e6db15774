//! [`PgBouncer`], a pooler between the services and PostgreSQL.

use std::fs::{self, Permissions};
use std::io;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rowhouse_catalog::ServiceName;
use tempfile::TempDir;

use crate::own_address;

/// Runs the pooler until standard input ends, which it does with the test, also with a killed one. A mere SIGTERM would wait for the
/// clients to disconnect.
const SCRIPT: &str = r#""$@" & read -r _; kill -KILL "$!"; wait "$!""#;

/// A `PgBouncer` in front of a database. It asks for no password. It is stopped on drop.
pub struct PgBouncer {
    process: Child,
    address: String,
    _directory: TempDir,
}

/// The database under another name, for which a [`PgBouncer`] keeps many server connections.
const POOLED: &str = "pooled";

impl PgBouncer {
    /// Returns the version, or `None` if it is not installed.
    #[must_use]
    pub fn version() -> Option<(u32, u32)> {
        let printed = match Command::new("pgbouncer").arg("--version").output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            printed => String::from_utf8(printed.unwrap().stdout).unwrap(),
        };
        let mut numbers =
            printed.split_whitespace().nth(1).unwrap().split('.').map(|part| part.parse().unwrap());
        Some((numbers.next().unwrap(), numbers.next().unwrap()))
    }

    /// Returns whether the installed one keeps prepared statements across server connections, as 1.21 and newer can.
    #[must_use]
    pub fn keeps_prepared_statements() -> bool {
        Self::version().is_some_and(|version| version >= (1, 21))
    }

    /// Starts one in the pool mode `transaction` or `session` that keeps so many prepared statements of each server connection, if it can
    /// at all. Returns `None` if it is not installed. The URLs are those of the services without it.
    pub async fn start(
        pool_mode: &str,
        prepared_statements: u32,
        url: impl Fn(ServiceName) -> String,
    ) -> Option<Self> {
        let version = Self::version()?;
        let (_, server) = login(&url(ServiceName::Orders));
        let (address, database) = server.split_once('/').unwrap();
        let (host, server_port) = address.split_once(':').unwrap();
        let database = database.split('?').next().unwrap();
        let listen = own_address();

        let directory = tempfile::tempdir().unwrap();
        // It may have to run as another user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let write = |name: &str, content: String| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            path
        };
        let logins = ServiceName::ALL.iter().map(|service| {
            let ((user, password), _) = login(&url(*service));
            format!("\"{user}\" \"{password}\"\n")
        });
        let users = write("users", logins.collect());
        let mut config = format!(
            "[databases]\n{POOLED} = host={host} port={server_port} dbname={database}\n\
             {database} = host={host} port={server_port} pool_size=1\n\
             [pgbouncer]\nlisten_addr = {}\nlisten_port = {}\nunix_socket_dir =\nauth_type = trust\n\
             auth_file = {}\npool_mode = {pool_mode}\ndefault_pool_size = 4\n\
             ignore_startup_parameters = extra_float_digits\n",
            listen.ip(),
            listen.port(),
            users.display()
        );
        if version >= (1, 21) {
            config.push_str(&format!("max_prepared_statements = {prepared_statements}\n"));
        }
        let config = write("pgbouncer.ini", config);
        Some(Self::run(directory, &config, listen.to_string()).await)
    }

    /// Starts one with a file of settings, by which it listens at the address. Another user has to be able to read the directory, which is
    /// kept until the end.
    pub async fn run(directory: TempDir, config: &Path, address: String) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "pgbouncer-of-a-test", "pgbouncer"]);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        command.arg(config).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Self { process: command.spawn().unwrap(), address, _directory: directory };
        tokio::time::timeout(Duration::from_secs(30), async {
            while TcpStream::connect(&started.address).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("pgbouncer listens");
        started
    }

    /// Returns the URL of the database for a service's role.
    #[must_use]
    pub fn url(&self, service: ServiceName) -> String {
        format!("postgres://{}@{}/{POOLED}?sslmode=disable", service.role(), self.address)
    }

    /// Returns the host and port. Under its own name, the database has one server connection for each role there.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // An error here would hide the test's own.
        drop(self.process.wait());
    }
}

/// Splits a URL into user and password, and the rest.
fn login(url: &str) -> ((String, String), String) {
    let (login, server) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    ((user.to_owned(), password.to_owned()), server.to_owned())
}
