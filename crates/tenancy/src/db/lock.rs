//! One after the other within a tenant.

use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::{DbError, TenantTx};

/// Until the transaction ends, no other of the tenant's passes here with the same `what`: who counts, and has added one or is
/// about to, is not overtaken.
pub async fn lock_count(tx: &mut TenantTx, what: &str) -> Result<(), DbError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($2 || '/' || $1::text, 0))")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(what)
        .execute(tx)
        .await?;
    Ok(())
}
