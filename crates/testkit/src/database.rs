//! A database for one test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rowhouse_migrator::{Role, connect_diesel, quote_identifier};

use crate::cluster::SharedCluster;

/// A migrated database without a row in it, dropped together with this value.
pub struct TestDatabase {
    cluster: &'static SharedCluster,
    name: String,
}

impl TestDatabase {
    /// A new one.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = SharedCluster::get().await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = Self { cluster, name: format!("test_{}_{number}", std::process::id()) };
        cluster.copy_template(&database.name).await;
        database
    }

    /// Its URL for the superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.cluster.admin_url(&self.name)
    }

    /// Its URL for a service.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        self.cluster.url(role, &self.name)
    }

    /// A connection as the superuser, whom no policy binds.
    pub async fn admin(&self) -> AsyncPgConnection {
        connect(&self.admin_url()).await
    }

    /// A connection as a service.
    pub async fn connect_as(&self, role: Role) -> AsyncPgConnection {
        connect(&self.url(role)).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let cluster = self.cluster;
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(&self.name));
        // The test's own runtime may be of one thread, which waits here.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { cluster.admin().await.batch_execute(&drop_it).await })
        });
        match dropped.join() {
            Ok(Ok(())) => {}
            // The cluster goes with the run, and this database with it.
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
