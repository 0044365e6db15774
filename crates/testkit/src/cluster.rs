//! The PostgreSQL cluster that all tests of a run share.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_migrator::{FINGERPRINT, RolePasswords, quote_identifier};
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password, remove_cluster};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::scratch::scratch;
use crate::watchdog;

/// The settings of the cluster, whose data need not survive a crash.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("autovacuum", "off"),
    ("max_connections", "300"),
    ("shared_buffers", "64MB"),
];

/// The cluster's address and logins, the same for every process of the run.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SharedCluster {
    port: u16,
    admin: String,
    /// The password of each service's role, by the service's name.
    passwords: BTreeMap<String, String>,
}

impl SharedCluster {
    /// Returns the cluster of this run. The first call starts it.
    pub(crate) async fn get() -> &'static Self {
        static SHARED: OnceLock<SharedCluster> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return shared;
        }
        // A thread and a runtime of its own, since this waits for other processes, and the test's runtime may have one thread.
        let booted = tokio::task::spawn_blocking(|| {
            SHARED.get_or_init(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(Self::boot())
            })
        });
        booted.await.expect("a PostgreSQL for the tests")
    }

    async fn boot() -> Self {
        let run = parent_id();
        let directory = scratch().join(format!("rowhouse-test-{run}"));
        match DirBuilder::new().mode(0o711).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                panic!("{}: {error}", directory.display())
            }
            _ => {}
        }
        // PostgreSQL may have to run as another user, whatever the umask is.
        fs::set_permissions(&directory, Permissions::from_mode(0o711)).unwrap();
        let lock = File::create(directory.join("lock")).unwrap();
        lock.lock().unwrap();

        let shared = match Self::of_this_run(&directory).await {
            Some(shared) => shared,
            None => Self::start(run, &directory).await,
        };
        shared.ensure_template().await;
        shared
    }

    /// Returns the cluster that another process of this run has started, if it runs. A run with the same number that was
    /// killed together with its watchdog may have left one that does not run.
    async fn of_this_run(directory: &Path) -> Option<Self> {
        let content = fs::read(file(directory)).ok()?;
        let shared: Self = serde_json::from_slice(&content).ok()?;
        rowhouse_migrator::connect(&shared.admin_url("postgres"), None).await.ok()?;
        Some(shared)
    }

    async fn start(run: u32, directory: &Path) -> Self {
        remove_cluster(directory).await.unwrap_or_else(|error| panic!("{error}"));
        let options = ClusterOptions {
            directory: directory.to_owned(),
            programs: programs(),
            password: random_password().unwrap(),
            settings: SETTINGS,
            sync: false,
        };
        watchdog::start(run, directory).unwrap();
        let cluster = Cluster::start(&options).await.unwrap_or_else(|error| panic!("{error}"));
        let server = cluster.detach().expect("the server runs");
        let shared = Self {
            port: server.port,
            admin: options.password,
            passwords: ServiceName::ALL
                .iter()
                .map(|service| (service.to_string(), random_password().unwrap()))
                .collect(),
        };
        let file = file(directory);
        fs::write(&file, serde_json::to_vec(&shared).unwrap()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        shared
    }

    /// Creates the migrated database that tests copy, unless it exists. Connections to it are not allowed, since they would prevent
    /// copies.
    async fn ensure_template(&self) {
        let name = Self::template();
        let admin = self.admin().await;
        let found = admin
            .query_opt("SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = $1", &[&name])
            .await
            .unwrap();
        match found.map(|row| row.get::<_, bool>(0)) {
            Some(false) => return,
            // Another process was killed while it created the template.
            Some(true) => {
                admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
            }
            None => {}
        }
        let password = |service: ServiceName| Some(self.passwords[service.as_str()].clone());
        let passwords = RolePasswords::new(PerService::from_fn(password));
        let migrated = rowhouse_migrator::migrate(&self.admin_url(&name), None, &passwords).await;
        migrated.unwrap_or_else(|error| panic!("{error}"));
        admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await.unwrap();
    }

    fn template() -> String {
        format!("rowhouse_template_{FINGERPRINT}")
    }

    /// Copies the template, and grants the privileges that a copy does not include.
    pub(crate) async fn copy_template(&self, name: &str) {
        let admin = self.admin().await;
        let name_in_sql = quote_identifier(name);
        let copy = format!("CREATE DATABASE {name_in_sql} TEMPLATE {}", Self::template());
        admin.batch_execute(&copy).await.unwrap_or_else(|error| panic!("{error:?}"));
        rowhouse_migrator::grant_database(&admin, name).await.unwrap();
    }

    pub(crate) async fn admin(&self) -> Client {
        rowhouse_migrator::connect(&self.admin_url("postgres"), None)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn admin_url(&self, database: &str) -> String {
        self.login_url("postgres", &self.admin, database)
    }

    pub(crate) fn url(&self, service: ServiceName, database: &str) -> String {
        self.login_url(service.role(), &self.passwords[service.as_str()], database)
    }

    fn login_url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("cluster.json")
}

/// Finds PostgreSQL's programs. It honours `PG_BIN_DIR` but not `DATABASE_URL`: tests never use an existing server.
pub(crate) fn programs() -> Programs {
    let named = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    Programs::find(named.as_deref()).unwrap_or_else(|error| panic!("{error}"))
}
