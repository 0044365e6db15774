//! Removing the idempotency keys of old requests.

use std::time::Duration;

use chrono::Utc;
use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run, enqueue};
use rowhouse_tenancy::TenantTx;
use serde::{Deserialize, Serialize};

use crate::store::idempotency_keys::delete_first_calls;

/// How long a request can be repeated.
const KEEP: Duration = Duration::from_hours(24);
const EVERY: Duration = Duration::from_hours(24);

/// The key of the job, of which a tenant has one.
pub(crate) const PURGE: &str = "orders.purge";

/// Removes a tenant's idempotency keys that nobody repeats a request with any more.
#[derive(Serialize, Deserialize)]
pub(crate) struct PurgeKeys {}

impl Job for PurgeKeys {
    const KIND: &'static str = PURGE;
    const CLASS: Class = Class::Maintenance;
}

/// Has it done again and again, if it is not already.
pub(crate) async fn purge_from_now_on(tx: &mut TenantTx) -> Result<(), EnqueueError> {
    enqueue(tx, NewJob::new(PurgeKeys {}).unique(PURGE).every(EVERY)).await.map(drop)
}

/// Does [`PurgeKeys`].
pub(crate) struct Purge;

impl Handler<PurgeKeys> for Purge {
    async fn run(&self, run: &Run, _: PurgeKeys) -> Result<(), Failure> {
        let before = Utc::now() - KEEP;
        run.sweep("orders.purge", async |tx| Ok(delete_first_calls(tx, before, Run::BATCH).await?)).await
    }
}
