//! [`TestServer`], a PostgreSQL server for one test.

mod pause;
mod standby;

use std::fs;
use std::path::PathBuf;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_migrator::RolePasswords;
use rowhouse_postgres::{Cluster, ClusterOptions, random_password};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::certificates::{CertificateAuthority, IssuedCertificate};
use crate::cluster::programs;
use crate::database::AS_A_PERSON;
use crate::scratch::scratch_directory;
use crate::watchdog;

pub use pause::PausedServer;

const NAME: &str = "rowhouse";

/// The settings of the server, whose data need not survive a crash, but which a standby can follow.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("shared_buffers", "16MB"),
];

/// A server for one test, with a migrated database. It is for tests that would disturb others: they change settings or
/// passwords, or stop the server. It is removed on drop, and with the end of a process that is killed.
pub struct TestServer {
    cluster: Option<Cluster>,
    options: ClusterOptions,
    passwords: RolePasswords,
    directory: TempDir,
}

impl TestServer {
    /// Starts a server without rows.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with additional settings.
    pub async fn start_with(settings: &[(&'static str, &'static str)]) -> Self {
        let server = Self::start_empty(settings).await;
        let migrated = rowhouse_migrator::migrate(&server.admin_url(), None, &server.passwords).await;
        migrated.unwrap_or_else(|error| panic!("{error}"));
        server
    }

    /// Starts a server without the roles and the database, for a restore.
    pub async fn start_empty(settings: &[(&'static str, &'static str)]) -> Self {
        let directory = scratch_directory();
        let options = ClusterOptions {
            directory: directory.path().to_owned(),
            programs: programs(),
            password: random_password().unwrap(),
            settings: [SETTINGS, settings].concat().leak(),
            sync: false,
        };
        let passwords = RolePasswords::new(PerService::from_fn(|_| Some(random_password().unwrap())));
        watchdog::start(std::process::id(), &options.directory).unwrap();
        let cluster = Cluster::start(&options).await.unwrap_or_else(|error| panic!("{error}"));
        Self { cluster: Some(cluster), options, passwords, directory }
    }

    /// Restarts the server as a standby, which waits for a primary until `pg_promote()`. Its port changes.
    pub async fn become_standby(&mut self) {
        self.stop().await;
        fs::write(self.data_directory().join("standby.signal"), "").unwrap();
        self.restart().await;
    }

    /// Stops the server, so that connections are refused.
    pub async fn stop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await;
        }
    }

    /// Kills the server with SIGKILL. A commit that was acknowledged survives that if `synchronous_commit` is on.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Ends the server at once and without a checkpoint, as `pg_ctl stop -m immediate` does.
    pub fn crash(&mut self) {
        self.end(Signal::QUIT);
    }

    fn end(&mut self, signal: Signal) {
        kill_process(self.postmaster(), signal).unwrap();
        drop(self.cluster.take());
    }

    /// Returns the id of the server's first process.
    fn postmaster(&self) -> Pid {
        let pid = fs::read_to_string(self.data_directory().join("postmaster.pid")).unwrap();
        Pid::from_raw(pid.lines().next().unwrap().parse().unwrap()).unwrap()
    }

    /// Starts the server again after [`TestServer::stop`], [`TestServer::kill`] or [`TestServer::crash`], on another port.
    pub async fn restart(&mut self) {
        let cluster = Cluster::start(&self.options).await.unwrap_or_else(|error| panic!("{error}"));
        self.cluster = Some(cluster);
    }

    /// Returns the path of one of PostgreSQL's programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.options.programs.path(name)
    }

    /// Returns the data directory, which may belong to another user.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.directory.path().join("postgres")
    }

    /// Returns the host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.cluster.as_ref().expect("it runs").port())
    }

    /// Returns the URL of the database for the superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.cluster.as_ref().expect("it runs").admin_url(NAME)
    }

    /// Returns the URL of the database for a service's role.
    #[must_use]
    pub fn url(&self, service: ServiceName) -> String {
        self.url_at(service, &self.address())
    }

    /// Returns such a URL with the address of a proxy.
    #[must_use]
    pub fn url_at(&self, service: ServiceName, address: &str) -> String {
        let password = self.passwords.of(service).expect("each has one");
        format!("postgres://{}:{password}@{address}/{NAME}?sslmode=disable", service.role())
    }

    /// Makes the server accept TLS, present a certificate, and take clients' certificates of an authority.
    pub async fn present(&self, issued: &IssuedCertificate, clients: &CertificateAuthority) {
        let files =
            [("server.crt", &issued.certificate), ("server.key", &issued.key), ("root.crt", &clients.pem())];
        for (file, content) in files {
            self.put(file, content).await;
        }
        let admin = self.admin().await;
        admin.batch_execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'").await.unwrap();
        admin.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
        self.reload().await;
    }

    /// Writes a file of the server, as the server's own user.
    pub async fn put(&self, file: &str, content: &str) {
        let write = format!(
            "COPY (SELECT pg_catalog.unnest(pg_catalog.string_to_array('{}', E'\\n'))) TO PROGRAM 'umask 077; cat > {file}'",
            content.trim_end()
        );
        self.admin().await.batch_execute(&write).await.unwrap();
    }

    /// Makes the server read its settings and certificates again, which it does a moment later.
    pub async fn reload(&self) {
        self.admin().await.batch_execute("SELECT pg_catalog.pg_reload_conf()").await.unwrap();
    }

    /// Connects as the superuser, with the search path that the database presets.
    pub async fn admin(&self) -> Client {
        let admin = rowhouse_migrator::connect(&self.admin_url(), None).await;
        let admin = admin.unwrap_or_else(|error| panic!("{error}"));
        admin.batch_execute(AS_A_PERSON).await.unwrap();
        admin
    }
}
