//! Examples of code that leaves the tenant out and does not compile. `cargo test --doc` runs them.
//!
//! Each stands beside a version that compiles and differs from it in one place, so that it cannot fail for another reason.

/// A context opens a transaction, which reads a tenant's table:
///
/// ```
/// use diesel::prelude::*;
/// use diesel_async::RunQueryDsl;
/// use rowhouse_tenancy::{DbError, TenantContext, TenantDb, of_tenant, tenant_table};
/// use uuid::Uuid;
///
/// diesel::table! {
///     notes (tenant_id, id) { tenant_id -> Uuid, id -> Uuid, }
/// }
/// tenant_table!(notes);
///
/// async fn list(db: &TenantDb, cx: &TenantContext) -> Result<Vec<Uuid>, DbError> {
///     db.tx(cx, "notes.list", async |tx| {
///         Ok(of_tenant(notes::table, tx.tenant()).select(notes::id).load(tx).await?)
///     })
///     .await
/// }
/// ```
///
/// Without a context the call does not compile:
///
/// ```compile_fail,E0061
/// # use diesel::prelude::*;
/// # use diesel_async::RunQueryDsl;
/// # use rowhouse_tenancy::{DbError, TenantContext, TenantDb, of_tenant, tenant_table};
/// # use uuid::Uuid;
/// # diesel::table! { notes (tenant_id, id) { tenant_id -> Uuid, id -> Uuid, } }
/// # tenant_table!(notes);
/// async fn list(db: &TenantDb) -> Result<Vec<Uuid>, DbError> {
///     db.tx("notes.list", async |tx| {
///         Ok(of_tenant(notes::table, tx.tenant()).select(notes::id).load(tx).await?)
///     })
///     .await
/// }
/// ```
///
/// A tenant's id is not a context:
///
/// ```compile_fail,E0308
/// # use diesel::prelude::*;
/// # use diesel_async::RunQueryDsl;
/// # use rowhouse_tenancy::{DbError, TenantDb, TenantId, of_tenant, tenant_table};
/// # use uuid::Uuid;
/// # diesel::table! { notes (tenant_id, id) { tenant_id -> Uuid, id -> Uuid, } }
/// # tenant_table!(notes);
/// async fn list(db: &TenantDb, tenant: TenantId) -> Result<Vec<Uuid>, DbError> {
///     db.tx(&tenant, "notes.list", async |tx| {
///         Ok(of_tenant(notes::table, tx.tenant()).select(notes::id).load(tx).await?)
///     })
///     .await
/// }
/// ```
///
/// A transaction without a tenant has no `tenant()`:
///
/// ```compile_fail,E0599
/// # use diesel::prelude::*;
/// # use diesel_async::RunQueryDsl;
/// # use rowhouse_tenancy::{DbError, TenantDb, of_tenant, tenant_table};
/// # use uuid::Uuid;
/// # diesel::table! { notes (tenant_id, id) { tenant_id -> Uuid, id -> Uuid, } }
/// # tenant_table!(notes);
/// async fn list(db: &TenantDb) -> Result<Vec<Uuid>, DbError> {
///     db.global_tx("notes.list", async |tx| {
///         Ok(of_tenant(notes::table, tx.tenant()).select(notes::id).load(tx).await?)
///     })
///     .await
/// }
/// ```
pub struct ATransactionNeedsAContext;

/// Code that acts for the system names its origin:
///
/// ```
/// use rowhouse_tenancy::{SystemOrigin, TenantContext, TenantId};
///
/// let cx = TenantContext::system(SystemOrigin::Operator, TenantId::generate());
/// ```
///
/// There is no other way from an id to a context:
///
/// ```compile_fail,E0308
/// use rowhouse_tenancy::{TenantContext, TenantId};
///
/// let cx = TenantContext::from(TenantId::generate());
/// ```
///
/// ```compile_fail,E0451
/// use rowhouse_tenancy::{SystemOrigin, TenantContext, TenantId};
///
/// let cx = TenantContext {
///     tenant: TenantId::generate(),
///     ..TenantContext::system(SystemOrigin::Operator, TenantId::generate())
/// };
/// ```
///
/// Only the verifier creates a verified token:
///
/// ```compile_fail,E0277
/// use rowhouse_tokens::VerifiedToken;
///
/// let token: VerifiedToken = serde_json::from_str("{}").unwrap();
/// ```
pub struct AContextHasTwoOrigins;

/// A transaction is used inside its body:
///
/// ```
/// use diesel_async::RunQueryDsl;
/// use rowhouse_tenancy::{DbError, TenantContext, TenantDb};
///
/// async fn touch(db: &TenantDb, cx: &TenantContext) -> Result<(), DbError> {
///     db.tx(cx, "touch", async |tx| {
///         diesel::sql_query("SELECT 1").execute(tx).await?;
///         Ok(())
///     })
///     .await
/// }
/// ```
///
/// It cannot be returned from the body,
///
/// ```compile_fail
/// # use rowhouse_tenancy::{DbError, TenantContext, TenantDb, TenantTx};
/// async fn keep<'a>(db: &TenantDb, cx: &TenantContext) -> Result<&'a mut TenantTx, DbError> {
///     db.tx(cx, "keep", async |tx| Ok(tx)).await
/// }
/// ```
///
/// and the pool behind it is private:
///
/// ```compile_fail,E0616
/// # use rowhouse_tenancy::TenantDb;
/// async fn connection(db: &TenantDb) {
///     let connection = db.pool.get().await;
/// }
/// ```
///
/// ```compile_fail,E0624
/// # use rowhouse_tenancy::TenantDb;
/// async fn connection(db: &TenantDb) {
///     let connection = db.acquire().await;
/// }
/// ```
pub struct AConnectionStaysInside;

/// A table without `tenant_id` cannot be declared a tenant table:
///
/// ```compile_fail
/// use rowhouse_tenancy::tenant_table;
///
/// diesel::table! {
///     notes (id) { id -> Uuid, }
/// }
/// tenant_table!(notes);
/// ```
///
/// and a table that is not declared a tenant table cannot be filtered by tenant:
///
/// ```compile_fail,E0277
/// use rowhouse_tenancy::{TenantId, of_tenant};
///
/// diesel::table! {
///     people (id) { id -> Uuid, }
/// }
/// let mine = of_tenant(people::table, TenantId::generate());
/// ```
pub struct ATenantTableHasATenant;
