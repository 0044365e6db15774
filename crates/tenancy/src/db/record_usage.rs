//! Writes the use of each tenant to the table `tenancy.usage`.

use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::usage::Used;
use super::{DbError, TenantDb};
use crate::TenantId;

/// The number of tenants that are written in one transaction.
const BATCH: usize = 500;

const RECORD: &str = "SELECT tenancy.record_usage($1, $2, $3, $4, $5)";

impl TenantDb {
    /// Writes what the tenants used to the table `tenancy.usage`. What could not be written is kept for the next time.
    pub async fn flush_usage(&self) -> Result<(), DbError> {
        let used = self.usage().take();
        let mut result = Ok(());
        for batch in used.chunks(BATCH) {
            if result.is_ok() {
                result = self.record(batch).await;
            }
            if result.is_err() {
                for (tenant, used) in batch {
                    self.usage().add(*tenant, *used);
                }
            }
        }
        result
    }

    async fn record(&self, used: &[(TenantId, Used)]) -> Result<(), DbError> {
        let tenants: Vec<Uuid> = used.iter().map(|(tenant, _)| tenant.as_uuid()).collect();
        let count = |of: fn(&Used) -> u64| -> Vec<i64> {
            used.iter().map(|(_, used)| i64::try_from(of(used)).unwrap_or(i64::MAX)).collect()
        };
        let milliseconds = count(|used| u64::try_from(used.time.as_millis()).unwrap_or(u64::MAX));
        self.global_tx("usage.record", async |tx| {
            diesel::sql_query(RECORD)
                .bind::<Array<SqlUuid>, _>(tenants)
                .bind::<Array<BigInt>, _>(count(|used| used.transactions))
                .bind::<Array<BigInt>, _>(count(|used| used.round_trips))
                .bind::<Array<BigInt>, _>(count(|used| used.rows))
                .bind::<Array<BigInt>, _>(milliseconds)
                .execute(tx)
                .await?;
            Ok(())
        })
        .await
    }
}
