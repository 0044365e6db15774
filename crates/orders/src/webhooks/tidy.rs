//! The deletion of old webhook data.

use std::time::Duration;

use chrono::Utc;
use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::TenantTx;
use serde::{Deserialize, Serialize};

use crate::store::webhook_deliveries::{delete_finished, delete_of_deleted};
use crate::store::webhook_endpoints::delete_deleted;
use crate::store::webhook_events::delete_events;
use crate::store::webhook_secrets::delete_expired_secrets;

/// The time for which deliveries are kept after their end.
const KEEP: Duration = Duration::from_hours(30 * 24);
/// The time for which a deleted endpoint's row is kept: longer than any transaction that has seen it before.
const KEEP_ENDPOINT: Duration = Duration::from_hours(1);
const EVERY: Duration = Duration::from_hours(6);
const KEY: &str = "webhook.tidy";

/// Deletes a tenant's old deliveries and events, and the rest of deleted endpoints.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct TidyWebhooks {}

impl Job for TidyWebhooks {
    const KIND: &'static str = KEY;
    const CLASS: Class = Class::Maintenance;
}

/// Enqueues the recurring job, unless it exists.
pub(crate) async fn schedule_tidying(tx: &mut TenantTx) -> Result<(), EnqueueError> {
    rowhouse_jobs::enqueue(tx, NewJob::new(TidyWebhooks {}).unique(KEY).every(EVERY)).await.map(drop)
}

/// Enqueues the recurring job, to run soon.
pub(crate) async fn tidy_now(tx: &mut TenantTx) -> Result<(), EnqueueError> {
    let job = NewJob::new(TidyWebhooks {}).unique(KEY).after(Duration::ZERO).every(EVERY).retry_now();
    rowhouse_jobs::enqueue(tx, job).await.map(drop)
}

/// The handler of [`TidyWebhooks`].
pub(crate) struct TidyWebhooksHandler;

impl Handler<TidyWebhooks> for TidyWebhooksHandler {
    async fn run(&self, run: &Run, _: TidyWebhooks) -> Result<(), Failure> {
        let now = Utc::now();
        let (old, long_gone) = (now - KEEP, now - KEEP_ENDPOINT);
        let of = "webhooks.tidy";
        run.sweep(of, async |tx| Ok(delete_finished(tx, old, Run::BATCH).await?)).await?;
        run.sweep(of, async |tx| Ok(delete_of_deleted(tx, Run::BATCH).await?)).await?;
        run.sweep(of, async |tx| Ok(delete_events(tx, old, Run::BATCH).await?)).await?;
        run.sweep(of, async |tx| Ok(delete_deleted(tx, long_gone, Run::BATCH).await?)).await?;
        run.complete("webhooks.tidy", async |tx| Ok::<_, Failure>(delete_expired_secrets(tx).await?)).await
    }
}
