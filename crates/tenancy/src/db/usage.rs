//! The use of each tenant, which is added up in memory and written to the table `tenancy.usage` from time to time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{DbError, TenantDb};
use crate::TenantId;

/// The number of tenants that are written in one transaction.
const BATCH: usize = 500;

/// The use of one tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) transactions: u64,
    pub(super) round_trips: u64,
    pub(super) rows: u64,
    /// The time for which its transactions held a connection.
    pub(super) time: Duration,
}

impl Used {
    fn add(&mut self, more: Self) {
        self.transactions = self.transactions.saturating_add(more.transactions);
        self.round_trips = self.round_trips.saturating_add(more.round_trips);
        self.rows = self.rows.saturating_add(more.rows);
        self.time = self.time.saturating_add(more.time);
    }
}

/// The use of all tenants since it was last written, with an entry for each tenant that was active.
#[derive(Default)]
pub(super) struct Usage(Mutex<HashMap<TenantId, Used>>);

impl Usage {
    pub(super) fn add(&self, tenant: TenantId, used: Used) {
        self.lock().entry(tenant).or_default().add(used);
    }

    fn take(&self) -> Vec<(TenantId, Used)> {
        let mut used: Vec<_> = std::mem::take(&mut *self.lock()).into_iter().collect();
        // Two instances lock the rows of their tenants in the same order.
        used.sort_unstable_by_key(|(tenant, _)| tenant.as_uuid());
        used
    }

    /// Locks the map. No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
