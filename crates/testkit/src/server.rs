//! A server of a test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rowhouse_migrator::{Role, RolePasswords};
use rowhouse_postgres::{Cluster, ClusterOptions, random_password};
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::cluster::programs;
use crate::database::AS_A_PERSON;

const NAME: &str = "rowhouse";

/// Nothing of it has to survive a crash, but a standby has to be able to follow it.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("shared_buffers", "16MB"),
];

/// A server of a test's own, with a migrated database, for what would disturb the other tests: its settings, its
/// roles' passwords, its end. Gone when dropped.
pub struct TestServer {
    cluster: Option<Cluster>,
    options: ClusterOptions,
    passwords: RolePasswords,
    directory: TempDir,
}

impl TestServer {
    /// A new one, with nothing in its tables.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with settings besides the usual ones.
    pub async fn start_with(settings: &[(&'static str, &'static str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // PostgreSQL may have to run as another user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
        let options = ClusterOptions {
            directory: directory.path().to_owned(),
            programs: programs(),
            password: random_password().unwrap(),
            settings: [SETTINGS, settings].concat().leak(),
            sync: false,
        };
        let password = || Some(random_password().unwrap());
        let passwords = RolePasswords { auth: password(), onboarding: password(), orders: password() };
        let cluster = Cluster::start(&options).await.unwrap_or_else(|error| panic!("{error}"));
        let server = Self { cluster: Some(cluster), options, passwords, directory };
        let migrated = rowhouse_migrator::migrate(&server.admin_url(), None, &server.passwords).await;
        migrated.unwrap_or_else(|error| panic!("{error}"));
        server
    }

    /// The same server as a standby, which waits for what a primary would send, until `pg_promote()` ends that. Its port is
    /// another one.
    pub async fn become_standby(&mut self) {
        self.stop().await;
        fs::write(self.directory.path().join("postgres/standby.signal"), "").unwrap();
        self.restart().await;
    }

    /// Stops it; connections are refused from now on.
    pub async fn stop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await;
        }
    }

    /// Starts it again after [`TestServer::stop`], on another port.
    pub async fn restart(&mut self) {
        let cluster = Cluster::start(&self.options).await.unwrap_or_else(|error| panic!("{error}"));
        self.cluster = Some(cluster);
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.cluster.as_ref().expect("it runs").port())
    }

    /// The URL of its database for the superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.cluster.as_ref().expect("it runs").admin_url(NAME)
    }

    /// The URL of its database for a service.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        self.url_at(role, &self.address())
    }

    /// The same for what stands in front of it.
    #[must_use]
    pub fn url_at(&self, role: Role, address: &str) -> String {
        let RolePasswords { auth, onboarding, orders } = &self.passwords;
        let password = match role {
            Role::Auth => auth,
            Role::Onboarding => onboarding,
            Role::Orders => orders,
        };
        let password = password.as_ref().expect("each has one");
        format!("postgres://{}:{password}@{address}/{NAME}?sslmode=disable", role.name())
    }

    /// A connection as the superuser, with the search path that the database gives to a person.
    pub async fn admin(&self) -> Client {
        let admin = rowhouse_migrator::connect(&self.admin_url(), None).await;
        let admin = admin.unwrap_or_else(|error| panic!("{error}"));
        admin.batch_execute(AS_A_PERSON).await.unwrap();
        admin
    }
}
