//! One after the other within a tenant.

use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::{DbError, TenantTx};

/// Locks what has this name, which need not be a row: until the transaction ends, no other of the tenant's passes here with the
/// same name.
pub async fn lock(tx: &mut TenantTx, name: &str) -> Result<(), DbError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($2 || '/' || $1::text, 0))")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(name)
        .execute(tx)
        .await?;
    Ok(())
}

/// Locks a count of the tenant's rows, such as those of a table, so that no two transactions both add the last one that is
/// allowed.
pub async fn lock_count(tx: &mut TenantTx, of: &str) -> Result<(), DbError> {
    lock(tx, of).await
}
