//! A tenant with orders, and queries on it.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{
    DatabaseConfig, DbError, SystemOrigin, TenantContext, TenantDb, TenantId, of_tenant, tenant_table,
};
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

/// A name that another encoding or another interpretation of backslashes would change.
pub(crate) const CUSTOMER: &str = r"Ünïcode \' NULL {NULL} ☃";

pub(crate) fn config(url: impl Into<String>) -> DatabaseConfig {
    DatabaseConfig { pool_size: 2, ..DatabaseConfig::new(url) }
}

pub(crate) async fn connect(url: impl Into<String>) -> TenantDb {
    TenantDb::connect(&config(url)).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Returns SQL that adds a tenant.
pub(crate) fn tenant(slug: &str, status: &str) -> (TenantContext, String) {
    let tenant = TenantId::generate();
    let add = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{tenant}', '{slug}', '{slug}', '{status}');"
    );
    (TenantContext::system(SystemOrigin::Operator, tenant), add)
}

pub(crate) async fn place(db: &TenantDb, cx: &TenantContext) -> Result<(), DbError> {
    let tenant = cx.tenant();
    db.tx(cx, "place", async |tx| {
        diesel::insert_into(orders::table)
            .values((
                orders::tenant_id.eq(tenant),
                orders::id.eq(Uuid::now_v7()),
                orders::customer.eq(CUSTOMER),
                orders::currency.eq("EUR"),
                orders::total_minor.eq(100),
            ))
            .execute(tx)
            .await?;
        Ok(())
    })
    .await
}

/// Returns the numbers and customers of a tenant's orders.
pub(crate) async fn read(db: &TenantDb, cx: &TenantContext) -> Result<Vec<(i64, String)>, DbError> {
    db.tx(cx, "read", async |tx| {
        let found = of_tenant(orders::table, tx.tenant()).select((orders::number, orders::customer));
        Ok(found.order(orders::number).load(tx).await?)
    })
    .await
}

/// Returns how many orders a transaction without a tenant sees.
pub(crate) async fn seen_by_nobody(db: &TenantDb) -> Result<i64, DbError> {
    db.global_tx("count", async |tx| Ok(orders::table.count().get_result(tx).await?)).await
}

/// Evaluates an SQL expression to a number, without a tenant.
pub(crate) async fn number(db: &TenantDb, expression: &'static str) -> Result<i64, DbError> {
    db.global_tx("number", async |tx| Ok(diesel::select(sql::<BigInt>(expression)).get_result(tx).await?))
        .await
}

pub(crate) async fn text(db: &TenantDb, expression: &'static str) -> Result<String, DbError> {
    db.global_tx("text", async |tx| Ok(diesel::select(sql::<Text>(expression)).get_result(tx).await?)).await
}
