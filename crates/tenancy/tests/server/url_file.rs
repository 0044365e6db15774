//! The file with the database URL, which changes while connections are made.

use std::time::Duration;

use rowhouse_tenancy::{DatabaseConfig, DbError, TenantContext, TenantDb};
use rowhouse_testkit::{ServiceName, TestServer, until};
use tempfile::TempDir;

use crate::world::{place, tenant};

/// The time within which a correct file takes effect.
const SOON: Duration = Duration::from_secs(5);

/// A service of orders whose URL is in a file, with a tenant.
struct WithFile {
    server: TestServer,
    db: TenantDb,
    cx: TenantContext,
    file: TempDir,
}

impl WithFile {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let (cx, add) = tenant("acme", "active");
        server.admin().await.batch_execute(&add).await.unwrap();
        let file = tempfile::tempdir().unwrap();
        let path = file.path().join("url");
        std::fs::write(&path, format!("{}\n", server.url(ServiceName::Orders))).unwrap();
        let config = DatabaseConfig { url_file: Some(path), pool_size: 2, ..DatabaseConfig::new("") };
        let db = TenantDb::connect(&config).await.unwrap_or_else(|error| panic!("{error}"));
        let this = Self { server, db, cx, file };
        place(&this.db, &this.cx).await.unwrap();
        this
    }

    fn write(&self, url: &str) {
        std::fs::write(self.file.path().join("url"), url).unwrap();
    }

    async fn end_connections(&self) {
        let end = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename ~ '^rowhouse_'";
        self.server.admin().await.batch_execute(end).await.unwrap();
    }

    async fn until_refused(&self, reason: &str) {
        until(async || {
            matches!(place(&self.db, &self.cx).await, Err(DbError::Unavailable(said)) if said.contains(reason))
        })
        .await;
    }

    async fn assert_recovers(&self) {
        let took = until(async || place(&self.db, &self.cx).await.is_ok()).await;
        assert!(took < SOON, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_changes_in_its_file_needs_no_restart() {
    let with = WithFile::start().await;
    let change = "ALTER ROLE rowhouse_orders PASSWORD 'another'";
    with.server.admin().await.batch_execute(change).await.unwrap();
    with.end_connections().await;
    with.until_refused("28P01").await;
    let url = with.server.url(ServiceName::Orders);
    let old = url.split(['@', ':']).nth(2).unwrap();
    with.write(&url.replace(old, "another"));
    with.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_roles_url_in_the_file_is_refused_until_it_is_right_again() {
    let with = WithFile::start().await;
    with.write(&with.server.url(ServiceName::Auth));
    with.end_connections().await;
    with.until_refused("names the role rowhouse_auth, and this program works as rowhouse_orders").await;
    with.write(&with.server.url(ServiceName::Orders));
    with.assert_recovers().await;
}
