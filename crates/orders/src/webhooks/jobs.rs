//! The jobs that send, and the order of locks.
//!
//! A transaction locks an endpoint's rows in this order: the endpoint's lock, if it changes several of its jobs
//! ([`lock_jobs`]); jobs; deliveries; the endpoint. A worker's transaction begins with its own job, so one that
//! changes other jobs takes the lock before that ([`rowhouse_jobs::Run::tx_with_lock`]). The tidying job is also
//! locked before deliveries and endpoints.

use chrono::{DateTime, Utc};
use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::{DbError, TenantTx, lock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::Part;

/// Sends the pending deliveries of an endpoint.
///
/// A paused endpoint's part with pending deliveries has no job: the probe's job enqueues it when the endpoint is
/// back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SendWebhooks {
    pub(super) webhook_endpoint_id: Uuid,
    /// `None` for the probe: one delivery of any part, to see whether a paused endpoint is back.
    pub(super) part: Option<Part>,
}

impl Job for SendWebhooks {
    const KIND: &'static str = "webhook.send";
    const CLASS: Class = Class::Delivery;
    /// The job succeeds when a delivery fails, and enqueues the next one. This limit is for other failures, such as
    /// killed processes.
    const MAX_ATTEMPTS: i32 = 100;
}

impl SendWebhooks {
    pub(super) fn new_job(self) -> NewJob<Self> {
        let Self { webhook_endpoint_id, part } = self;
        NewJob::new(self).unique(match part {
            Some(part) => format!("webhook:{webhook_endpoint_id}:{}", part.number()),
            None => format!("webhook:{webhook_endpoint_id}:probe"),
        })
    }
}

/// Returns the name of an endpoint's lock.
pub(super) fn lock_of(webhook_endpoint_id: Uuid) -> String {
    format!("orders.webhook_endpoints/{webhook_endpoint_id}")
}

/// Takes the lock for a transaction that changes several of an endpoint's jobs.
pub(crate) async fn lock_jobs(tx: &mut TenantTx, webhook_endpoint_id: Uuid) -> Result<(), DbError> {
    lock(tx, &lock_of(webhook_endpoint_id)).await
}

/// Enqueues the job for a part's pending deliveries.
pub(super) async fn enqueue(
    tx: &mut TenantTx,
    webhook_endpoint_id: Uuid,
    part: Part,
) -> Result<(), EnqueueError> {
    let job = SendWebhooks { webhook_endpoint_id, part: Some(part) };
    rowhouse_jobs::enqueue(tx, job.new_job()).await.map(drop)
}

/// Makes all parts of an endpoint run now: due deliveries are sent, or fail if the endpoint is disabled. The caller
/// has locked its jobs ([`lock_jobs`]).
pub(crate) async fn look_at_all(tx: &mut TenantTx, webhook_endpoint_id: Uuid) -> Result<(), EnqueueError> {
    for part in Part::ALL {
        let job = SendWebhooks { webhook_endpoint_id, part: Some(part) };
        rowhouse_jobs::enqueue(tx, job.new_job().retry_now()).await?;
    }
    Ok(())
}

/// Enqueues the probe of a paused endpoint for a time.
pub(super) async fn probe_at(
    tx: &mut TenantTx,
    webhook_endpoint_id: Uuid,
    moment: DateTime<Utc>,
) -> Result<(), EnqueueError> {
    let job = SendWebhooks { webhook_endpoint_id, part: None };
    rowhouse_jobs::enqueue(tx, job.new_job().at(moment)).await.map(drop)
}

/// Enqueues the probe of an endpoint for now, if it is paused. [`crate::store::webhook_health::try_now`] ends the
/// pause.
pub(crate) async fn probe_now(tx: &mut TenantTx, webhook_endpoint_id: Uuid) -> Result<(), EnqueueError> {
    let job = SendWebhooks { webhook_endpoint_id, part: None };
    rowhouse_jobs::enqueue(tx, job.new_job().retry_now()).await.map(drop)
}

/// The former job, which sent the deliveries of one order. It hands them over to the parts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DeliverWebhook {
    webhook_endpoint_id: Uuid,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "webhook.deliver";
    const CLASS: Class = Class::Delivery;
    const MAX_ATTEMPTS: i32 = 100;
}

/// The handler of [`DeliverWebhook`].
pub(crate) struct DeliverWebhookHandler;

impl Handler<DeliverWebhook> for DeliverWebhookHandler {
    async fn run(&self, run: &Run, job: DeliverWebhook) -> Result<(), Failure> {
        let endpoint = job.webhook_endpoint_id;
        run.tx_with_lock(&lock_of(endpoint), "webhooks.hand_over", async |tx| {
            Ok(look_at_all(tx, endpoint).await?)
        })
        .await
    }
}
