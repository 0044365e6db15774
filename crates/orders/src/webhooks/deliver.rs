//! Sending what is pending.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use rowhouse_chassis::sealing::{NotOurs, Sealing};
use rowhouse_jobs::{Class, End, EnqueueError, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::{DbError, TenantTx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schedule;
use super::secret::Secret;
use super::send::{Message, SendError, Sender};
use super::target::Target;
use crate::store::webhook_deliveries::{
    Attempt, Next, Outcome, fail_pending, find_next, insert_attempt, lock_pending, update_pending,
};
use crate::store::webhook_endpoints::disable_endpoint;

/// How long one run goes on with what is pending. Then others have their turn.
const TURN: Duration = Duration::from_secs(10);

/// Sends to an endpoint what has happened to an order. There is one such job for both, at most, so that nothing overtakes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DeliverWebhook {
    webhook_endpoint_id: Uuid,
    order_id: Uuid,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "webhook.deliver";
    const CLASS: Class = Class::Delivery;
    /// A delivery that fails is a job well done, which enqueues the next: this is for what fails in another way, such as a
    /// process that is killed.
    const MAX_ATTEMPTS: i32 = 100;
}

impl DeliverWebhook {
    fn new_job(self) -> NewJob<Self> {
        NewJob::new(self).unique(format!("webhook:{}:{}", self.webhook_endpoint_id, self.order_id))
    }
}

/// Has what is pending sent when it is its turn.
pub(super) async fn enqueue(
    tx: &mut TenantTx,
    webhook_endpoint_id: Uuid,
    order_id: Uuid,
) -> Result<(), EnqueueError> {
    rowhouse_jobs::enqueue(tx, DeliverWebhook { webhook_endpoint_id, order_id }.new_job()).await.map(drop)
}

/// The same, without waiting for the time of the next attempt.
pub(crate) async fn deliver_at_once(
    tx: &mut TenantTx,
    webhook_endpoint_id: Uuid,
    order_id: Uuid,
) -> Result<(), EnqueueError> {
    let job = DeliverWebhook { webhook_endpoint_id, order_id }.new_job().hurry();
    rowhouse_jobs::enqueue(tx, job).await.map(drop)
}

/// Does [`DeliverWebhook`].
pub(crate) struct Deliver {
    pub(crate) sender: Sender,
    pub(crate) sealing: Sealing,
}

/// What came of an attempt, and what it says in the log.
struct Tried {
    attempt: Attempt,
    retry_after: Option<Duration>,
}

impl Handler<DeliverWebhook> for Deliver {
    async fn run(&self, run: &Run, job: DeliverWebhook) -> Result<(), Failure> {
        let DeliverWebhook { webhook_endpoint_id, order_id } = job;
        let begun = Instant::now();
        loop {
            let next = run.tx("webhooks.next", async |tx| {
                Ok::<_, Failure>(find_next(tx, webhook_endpoint_id, order_id).await?)
            });
            match next.await? {
                Some(next) if !next.enabled => {
                    run.tx("webhooks.drop", async |tx| {
                        let reason = "it was not sent: the endpoint is disabled";
                        Ok::<_, Failure>(fail_pending(tx, webhook_endpoint_id, order_id, reason).await?)
                    })
                    .await?;
                }
                Some(next) if next.is_due && begun.elapsed() < TURN => {
                    let tried = self.attempt(&next).await;
                    run.tx("webhooks.record", async |tx| {
                        Ok::<_, Failure>(record(tx, &next, webhook_endpoint_id, tried).await?)
                    })
                    .await?;
                }
                Some(_) | None => break,
            }
        }
        // What is left, or was added since, is the next job's. It and the end of this one are committed together, so that
        // whoever makes something due meanwhile finds one of the two.
        run.complete("webhooks.deliver", async |tx| {
            if let Some(next) = find_next(tx, webhook_endpoint_id, order_id).await? {
                rowhouse_jobs::enqueue(tx, job.new_job().at(next.due_at)).await.map_err(
                    |error| match error {
                        EnqueueError::Db(error) => Failure::from(error),
                        error @ EnqueueError::Json(_) => Failure::fatal(error),
                    },
                )?;
            }
            Ok::<_, Failure>(())
        })
        .await
    }

    async fn ended(&self, tx: &mut TenantTx, job: DeliverWebhook, _: &End) -> Result<(), DbError> {
        let reason = "it was given up: it could not be sent";
        fail_pending(tx, job.webhook_endpoint_id, job.order_id, reason).await
    }
}

impl Deliver {
    async fn attempt(&self, next: &Next) -> Tried {
        let (attempted_at, begun) = (Utc::now(), Instant::now());
        let answer = match self.message(next, attempted_at) {
            Ok((target, message)) => self.sender.send(&target, &message).await,
            Err(error) => Err(error),
        };
        let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (http_status, error, retry_after) = match answer {
            Ok(answer) => (Some(answer.status), refusal(answer.status), answer.retry_after),
            Err(error) => (None, Some(error.to_string()), None),
        };
        Tried { attempt: Attempt { attempted_at, http_status, error, duration_ms }, retry_after }
    }

    fn message(&self, next: &Next, now: DateTime<Utc>) -> Result<(Target, Message), SendError> {
        // What was allowed when it was registered may not be by now.
        let target = Target::parse(&next.url, self.sender.guard()).or(Err(SendError::NotAllowed))?;
        let (id, timestamp) = (next.event_id.to_string(), now.timestamp());
        let signed = Secret::open(&self.sealing, next.webhook_endpoint_id, &next.sealed_secret)
            .and_then(|secret| secret.sign(&id, timestamp, next.body.as_bytes()));
        let signature = signed.map_err(|error: NotOurs| {
            tracing::error!(%error, endpoint = %next.webhook_endpoint_id, "a webhook's secret cannot be read: {error}");
            SendError::Request
        })?;
        Ok((target, Message { id, timestamp, signature, body: next.body.clone() }))
    }
}

/// Why an answer does not count as delivered; nothing when it does.
fn refusal(status: StatusCode) -> Option<String> {
    let code = status.as_u16();
    match status {
        StatusCode::GONE => Some("the endpoint answered 410 (Gone), and was disabled for it".to_owned()),
        _ if status.is_success() => None,
        _ if status.is_redirection() => {
            Some(format!("the endpoint answered {code}, and redirects are not followed"))
        }
        _ => Some(format!("the endpoint answered {code}")),
    }
}

/// Writes down what came of an attempt, and what follows from it.
async fn record(tx: &mut TenantTx, next: &Next, endpoint: Uuid, tried: Tried) -> Result<(), DbError> {
    let Tried { attempt, retry_after } = tried;
    // Whoever deleted the endpoint meanwhile wants to hear no more of it.
    let Some(attempts_left) = lock_pending(tx, next.id).await? else { return Ok(()) };
    let attempts_left = (attempts_left - 1).max(0);
    let gone = attempt.http_status == Some(StatusCode::GONE);
    let outcome = match attempt.error {
        None => Outcome::Delivered,
        Some(_) if gone || attempts_left == 0 => Outcome::Failed,
        Some(_) => Outcome::PutOff { delay: schedule::delay(attempts_left, retry_after) },
    };
    if gone {
        disable_endpoint(tx, endpoint).await?;
    }
    update_pending(tx, next.id, attempts_left, outcome).await?;
    insert_attempt(tx, next.id, &attempt).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_delivered() {
        for code in [200, 201, 202, 204, 226, 299] {
            assert_eq!(refusal(StatusCode::from_u16(code).unwrap()), None, "{code}");
        }
        for code in [300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503, 599, 600, 999] {
            let refusal = refusal(StatusCode::from_u16(code).unwrap()).unwrap();
            assert!(refusal.contains(&code.to_string()), "{refusal}");
        }
    }
}
