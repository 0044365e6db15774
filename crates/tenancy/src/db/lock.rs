//! Advisory locks within a tenant.

use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::{DbError, TenantTx};

/// Takes a lock by name, in this transaction's tenant. Another transaction of the tenant that takes the lock of the same
/// name waits until this one ends.
pub async fn lock(tx: &mut TenantTx, name: &str) -> Result<(), DbError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($2 || '/' || $1::text, 0))")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(name)
        .execute(tx)
        .await?;
    Ok(())
}

/// Locks a count of the tenant's rows, such as those of a table, so that two transactions cannot both add the last row
/// that a limit allows.
pub async fn lock_count(tx: &mut TenantTx, of: &str) -> Result<(), DbError> {
    lock(tx, of).await
}
