//! The jobs that send, and when they are due.
//!
//! A transaction locks an endpoint's rows in this order: the endpoint's lock, if it goes on to several of its jobs ([`lock_jobs`]);
//! jobs; deliveries; the endpoint. A worker's transaction begins with its own job, so if it goes on to other jobs, the lock is taken
//! before ([`rowhouse_jobs::Run::tx_with_lock`]). The job that tidies is locked before deliveries and endpoints, too.

use chrono::{DateTime, Utc};
use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::{DbError, TenantTx, lock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::Part;

/// Sends what is pending for an endpoint.
///
/// A part of a paused endpoint that has something pending has no job: the job that looks whether the endpoint is back gives it
/// one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SendWebhooks {
    pub(super) webhook_endpoint_id: Uuid,
    /// Nothing: one delivery of whichever part, to see whether a paused endpoint is back.
    pub(super) part: Option<Part>,
}

impl Job for SendWebhooks {
    const KIND: &'static str = "webhook.send";
    const CLASS: Class = Class::Delivery;
    /// A delivery that fails is a job well done, which enqueues the next: this is for what fails in another way, such as a
    /// process that is killed.
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

/// The name of an endpoint's lock.
pub(super) fn lock_of(webhook_endpoint_id: Uuid) -> String {
    format!("orders.webhook_endpoints/{webhook_endpoint_id}")
}

/// Locks an endpoint's jobs for a transaction that goes on to several of them: until it ends, no other does.
pub(crate) async fn lock_jobs(tx: &mut TenantTx, webhook_endpoint_id: Uuid) -> Result<(), DbError> {
    lock(tx, &lock_of(webhook_endpoint_id)).await
}

/// Has what is pending of the order be sent when it is its turn.
pub(super) async fn enqueue(
    tx: &mut TenantTx,
    webhook_endpoint_id: Uuid,
    order_id: Uuid,
) -> Result<(), EnqueueError> {
    let job = SendWebhooks { webhook_endpoint_id, part: Some(Part::of(order_id)) };
    rowhouse_jobs::enqueue(tx, job.new_job()).await.map(drop)
}

/// Has all that is pending for an endpoint be looked at now: what is due is sent, or given up if the endpoint is disabled. Its jobs
/// are locked ([`lock_jobs`]).
pub(crate) async fn look_at_all(tx: &mut TenantTx, webhook_endpoint_id: Uuid) -> Result<(), EnqueueError> {
    for part in Part::ALL {
        let job = SendWebhooks { webhook_endpoint_id, part: Some(part) };
        rowhouse_jobs::enqueue(tx, job.new_job().hurry()).await?;
    }
    Ok(())
}

/// Has a paused endpoint be tried at the moment.
pub(super) async fn probe_at(
    tx: &mut TenantTx,
    webhook_endpoint_id: Uuid,
    moment: DateTime<Utc>,
) -> Result<(), EnqueueError> {
    let job = SendWebhooks { webhook_endpoint_id, part: None };
    rowhouse_jobs::enqueue(tx, job.new_job().at(moment)).await.map(drop)
}

/// Has an endpoint be tried now, if it is paused; its pause ends with [`crate::store::webhook_health::try_now`].
pub(crate) async fn probe_now(tx: &mut TenantTx, webhook_endpoint_id: Uuid) -> Result<(), EnqueueError> {
    let job = SendWebhooks { webhook_endpoint_id, part: None };
    rowhouse_jobs::enqueue(tx, job.new_job().hurry()).await.map(drop)
}

/// What sent the deliveries of one order before endpoints had parts. It hands them over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DeliverWebhook {
    webhook_endpoint_id: Uuid,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "webhook.deliver";
    const CLASS: Class = Class::Delivery;
    const MAX_ATTEMPTS: i32 = 100;
}

/// Does [`DeliverWebhook`].
pub(crate) struct HandOver;

impl Handler<DeliverWebhook> for HandOver {
    async fn run(&self, run: &Run, job: DeliverWebhook) -> Result<(), Failure> {
        let endpoint = job.webhook_endpoint_id;
        run.tx_with_lock(&lock_of(endpoint), "webhooks.hand_over", async |tx| {
            Ok(look_at_all(tx, endpoint).await?)
        })
        .await
    }
}
