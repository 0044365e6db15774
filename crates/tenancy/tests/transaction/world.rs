//! A database with a tenant, and a pool.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_tenancy::{
    DatabaseConfig, DbError, SystemOrigin, TenantContext, TenantDb, TenantId, TenantTx, of_tenant,
    tenant_table,
};
use rowhouse_testkit::{ServiceName, TestDatabase};
use uuid::Uuid;

diesel::table! {
    orders.orders (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        number -> BigInt,
        customer -> Text,
        currency -> Text,
        total_minor -> BigInt,
    }
}
tenant_table!(orders);

/// A database with one active tenant, and a pool of the orders service.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: TenantDb,
    pub(crate) cx: TenantContext,
}

impl World {
    pub(crate) async fn new(pool_size: u32) -> Self {
        let database = TestDatabase::create().await;
        let url = database.url(ServiceName::Orders);
        Self::on(database, url, pool_size).await
    }

    /// Does the same over another way to the database.
    pub(crate) async fn on(database: TestDatabase, url: String, pool_size: u32) -> Self {
        let cx = add_tenant(&database, "acme").await;
        let db = TenantDb::connect(&DatabaseConfig { pool_size, ..DatabaseConfig::new(url) }).await.unwrap();
        Self { database, db, cx }
    }

    pub(crate) async fn numbers(&self) -> Vec<i64> {
        self.db.tx::<_, DbError, _>(&self.cx, "numbers", async |tx| Ok(numbers(tx).await?)).await.unwrap()
    }

    /// Returns the id of the server process of the pool's connection.
    pub(crate) async fn process(&self) -> i64 {
        let process = sql::<BigInt>("SELECT pg_backend_pid()::bigint");
        let asked =
            self.db.global_tx::<_, DbError, _>("process", async |tx| Ok(process.get_result(tx).await?));
        asked.await.unwrap()
    }
}

pub(crate) async fn add_tenant(database: &TestDatabase, slug: &str) -> TenantContext {
    let tenant = TenantId::generate();
    let insert = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{tenant}', '{slug}', '{slug}', 'active')"
    );
    database.admin().await.batch_execute(&insert).await.unwrap();
    TenantContext::system(SystemOrigin::Operator, tenant)
}

pub(crate) async fn numbers(tx: &mut TenantTx) -> QueryResult<Vec<i64>> {
    of_tenant(orders::table, tx.tenant()).select(orders::number).order(orders::number).load(tx).await
}

pub(crate) async fn insert(tx: &mut TenantTx) -> QueryResult<usize> {
    let tenant = tx.tenant();
    diesel::insert_into(orders::table)
        .values((
            orders::tenant_id.eq(tenant),
            orders::id.eq(Uuid::now_v7()),
            orders::customer.eq("Alice"),
            orders::currency.eq("EUR"),
            orders::total_minor.eq(100),
        ))
        .execute(tx)
        .await
}

pub(crate) async fn until(conn: &mut diesel_async::AsyncPgConnection, query: &str, expected: i64) {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    tokio::time::timeout(Duration::from_secs(30), async {
        while diesel::sql_query(query).get_result::<Count>(conn).await.unwrap().count != expected {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the condition came about in time");
}
