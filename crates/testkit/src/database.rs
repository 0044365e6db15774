//! [`TestDatabase`], a database for one test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_catalog::ServiceName;
use rowhouse_migrator::{connect_diesel, quote_identifier};
use tokio::time::{sleep, timeout};

use crate::PgBouncer;
use crate::cluster::SharedCluster;
use crate::until::{PATIENCE, PAUSE};

/// The variable that puts a `PgBouncer` in transaction mode between all services of a test and their database.
const POOLER: &str = "TEST_BEHIND_PGBOUNCER";

/// A migrated database without rows. It is dropped together with this value.
pub struct TestDatabase {
    cluster: &'static SharedCluster,
    name: String,
    pooler: Option<PgBouncer>,
}

impl TestDatabase {
    /// Creates a database.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = SharedCluster::get().await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut database =
            Self { cluster, name: format!("test_{}_{number}", std::process::id()), pooler: None };
        cluster.copy_template(&database.name).await;
        if std::env::var_os(POOLER).is_some() {
            database.insert_pooler().await;
        }
        database
    }

    /// Puts a `PgBouncer` in transaction mode between the services and the database.
    pub async fn insert_pooler(&mut self) {
        assert!(PgBouncer::keeps_prepared_statements(), "PgBouncer 1.21 or newer is not installed");
        self.pooler = PgBouncer::start("transaction", 200, |service| self.direct_url(service)).await;
    }

    /// Returns the URL for the superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.cluster.admin_url(&self.name)
    }

    /// Returns the URL for a service's role.
    #[must_use]
    pub fn url(&self, service: ServiceName) -> String {
        self.pooler.as_ref().map_or_else(|| self.direct_url(service), |pooler| pooler.url(service))
    }

    /// Returns the URL for a service's role past a pooler.
    #[must_use]
    pub fn direct_url(&self, service: ServiceName) -> String {
        self.cluster.url(service, &self.name)
    }

    /// Connects as the superuser, to whom policies do not apply.
    pub async fn admin(&self) -> AsyncPgConnection {
        connect(&self.admin_url()).await
    }

    /// Returns the value of an expression as text, as the superuser sees it.
    pub async fn value(&self, expression: &str) -> String {
        #[derive(QueryableByName)]
        struct Value {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let query = diesel::sql_query(format!("SELECT ({expression})::text AS value"));
        query
            .get_result::<Value>(&mut self.admin().await)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
            .value
    }

    /// Waits until an expression has the expected value.
    pub async fn until(&self, expression: &str, expected: &str) {
        let reached = async {
            while self.value(expression).await != expected {
                sleep(PAUSE).await;
            }
        };
        if timeout(PATIENCE, reached).await.is_err() {
            assert_eq!(self.value(expression).await, expected, "{expression}");
        }
    }

    /// Connects as a service's role.
    pub async fn connect_as(&self, service: ServiceName) -> AsyncPgConnection {
        connect(&self.url(service)).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.pooler = None;
        let cluster = self.cluster;
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(&self.name));
        // The test's own runtime may have one thread, which is blocked here.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { cluster.admin().await.batch_execute(&drop_it).await })
        });
        match dropped.join() {
            Ok(Ok(())) => {}
            // The end of the run removes the cluster and this database with it.
            failed => eprintln!("the database {} was not dropped: {failed:?}", self.name),
        }
    }
}

/// Gives a session what the server, the database and the role preset, as a person with psql has it.
pub(crate) const AS_A_PERSON: &str = "RESET search_path; RESET app.tenant_id";

async fn connect(url: &str) -> AsyncPgConnection {
    let mut conn = connect_diesel(url, None).await.unwrap_or_else(|error| panic!("{error}"));
    conn.batch_execute(AS_A_PERSON).await.unwrap();
    conn
}
