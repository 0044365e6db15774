//! The use of each tenant, which is added up in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::TenantId;

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

    /// Returns it, and begins at zero.
    pub(super) fn take(&self) -> Vec<(TenantId, Used)> {
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
