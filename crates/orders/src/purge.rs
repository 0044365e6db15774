//! The deletion of old idempotency keys.

use std::time::Duration;

use chrono::Utc;
use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run, enqueue};
use rowhouse_tenancy::TenantTx;
use serde::{Deserialize, Serialize};

use crate::store::idempotency_keys::delete_first_calls;

/// The time for which a request can be repeated.
const KEEP: Duration = Duration::from_hours(24);
const EVERY: Duration = Duration::from_hours(24);

/// The key of the job, which is unique in a tenant.
pub(crate) const PURGE: &str = "orders.purge";

/// Deletes a tenant's idempotency keys that are too old for a repeat.
#[derive(Serialize, Deserialize)]
pub(crate) struct PurgeKeys {}

impl Job for PurgeKeys {
    const KIND: &'static str = PURGE;
    const CLASS: Class = Class::Maintenance;
}

/// Enqueues the recurring job, unless it exists.
pub(crate) async fn purge_from_now_on(tx: &mut TenantTx) -> Result<(), EnqueueError> {
    enqueue(tx, NewJob::new(PurgeKeys {}).unique(PURGE).every(EVERY)).await.map(drop)
}

/// The handler of [`PurgeKeys`].
pub(crate) struct Purge;

impl Handler<PurgeKeys> for Purge {
    async fn run(&self, run: &Run, _: PurgeKeys) -> Result<(), Failure> {
        let before = Utc::now() - KEEP;
        run.sweep("orders.purge", async |tx| Ok(delete_first_calls(tx, before, Run::BATCH).await?)).await
    }
}
