//! The cluster that all tests of a run share.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rowhouse_migrator::{FINGERPRINT, Role, RolePasswords, quote_identifier};
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password, remove_cluster};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::watchdog;

/// Nothing of it has to survive a crash.
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

/// Where it is and how to log in; the same for every process of the run.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SharedCluster {
    port: u16,
    admin: String,
    auth: String,
    onboarding: String,
    orders: String,
}

impl SharedCluster {
    /// Of this run: started when it is asked for first.
    pub(crate) async fn get() -> &'static Self {
        static SHARED: OnceLock<SharedCluster> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return shared;
        }
        // A thread and a runtime of its own, whatever the test has: other processes are waited for.
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
        let directory = std::env::temp_dir().join(format!("rowhouse-test-{run}"));
        match DirBuilder::new().mode(0o711).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                panic!("{}: {error}", directory.display())
            }
            _ => {}
        }
        // Whatever the umask: PostgreSQL may have to run as another user.
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

    /// The one that another process of this run has started, if it runs. A run that was killed together with its
    /// watchdog, and had the same number, may have left one that doesn't.
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
            auth: random_password().unwrap(),
            onboarding: random_password().unwrap(),
            orders: random_password().unwrap(),
        };
        let file = file(directory);
        fs::write(&file, serde_json::to_vec(&shared).unwrap()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        shared
    }

    /// The migrated database that tests copy. Nobody may connect to it, or it could not be copied.
    async fn ensure_template(&self) {
        let name = Self::template();
        let admin = self.admin().await;
        let found = admin
            .query_opt("SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = $1", &[&name])
            .await
            .unwrap();
        match found.map(|row| row.get::<_, bool>(0)) {
            Some(false) => return,
            // Somebody was killed in the middle.
            Some(true) => {
                admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
            }
            None => {}
        }
        let passwords = RolePasswords {
            auth: Some(self.auth.clone()),
            onboarding: Some(self.onboarding.clone()),
            orders: Some(self.orders.clone()),
        };
        let migrated = rowhouse_migrator::migrate(&self.admin_url(&name), None, &passwords).await;
        migrated.unwrap_or_else(|error| panic!("{error}"));
        admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await.unwrap();
    }

    fn template() -> String {
        format!("rowhouse_template_{FINGERPRINT}")
    }

    /// A copy of the template, with the grants that belong to no copy.
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

    pub(crate) fn url(&self, role: Role, database: &str) -> String {
        let password = match role {
            Role::Auth => &self.auth,
            Role::Onboarding => &self.onboarding,
            Role::Orders => &self.orders,
        };
        self.login_url(role.name(), password, database)
    }

    fn login_url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("cluster.json")
}

/// `PG_BIN_DIR` counts here as well. `DATABASE_URL` does not: tests never touch a server that is somebody's.
pub(crate) fn programs() -> Programs {
    let named = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    Programs::find(named.as_deref()).unwrap_or_else(|error| panic!("{error}"))
}
