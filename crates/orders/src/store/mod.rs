//! Queries, and nothing else.

pub(crate) mod export_chunks;
pub(crate) mod exports;
pub(crate) mod idempotency_keys;
pub(crate) mod number_series;
mod order_lines;
pub(crate) mod orders;
pub(crate) mod placement;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhook_endpoints;
pub(crate) mod webhook_health;
pub(crate) mod webhook_log;
pub(crate) mod webhook_secrets;

use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx};

/// Until the transaction ends, no other of the tenant's passes here with the same `what`: who counts, and then adds one, is not
/// overtaken.
async fn lock_count(tx: &mut TenantTx, what: &str) -> Result<(), DbError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($2 || '/' || $1::text, 0))")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(what)
        .execute(tx)
        .await?;
    Ok(())
}
