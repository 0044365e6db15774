//! Sending what is pending.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use rowhouse_chassis::sealing::{NotOurs, Sealing};
use rowhouse_jobs::{End, EnqueueError, Failure, Handler, Run};
use rowhouse_tenancy::{DbError, TenantTx};

use super::jobs::{SendWebhooks, not_enqueued};
use super::part::Part;
use super::record::{Tried, record};
use super::secret::Secret;
use super::send::{Message, SendError, Sender};
use super::target::Target;
use crate::store::webhook_deliveries::{Attempt, Next, fail_next, fail_pending, find_next};
use crate::store::webhook_health::{end_pause, lock_pause};

/// How long one run goes on with what is pending. Then others have their turn.
const TURN: Duration = Duration::from_secs(10);
/// How many deliveries are given up in one transaction.
const BATCH: i64 = 500;

/// Does [`SendWebhooks`].
pub(crate) struct Deliver {
    pub(crate) sender: Sender,
    pub(crate) sealing: Sealing,
}

impl Handler<SendWebhooks> for Deliver {
    async fn run(&self, run: &Run, job: SendWebhooks) -> Result<(), Failure> {
        let SendWebhooks { webhook_endpoint_id: endpoint, part } = job;
        let parts = parts(part);
        let begun = Instant::now();
        let first =
            run.tx("webhooks.next", async |tx| Ok::<_, Failure>(find_next(tx, endpoint, &parts).await?));
        let mut next = first.await?;
        while let Some(delivery) = next {
            next = match part {
                Some(part) if !delivery.enabled => {
                    run.tx("webhooks.drop", async |tx| {
                        let reason = "it was not sent: the endpoint is disabled";
                        fail_pending(tx, endpoint, part, reason, BATCH).await?;
                        Ok::<_, Failure>(find_next(tx, endpoint, &parts).await?)
                    })
                    .await?
                }
                _ if is_sendable(&delivery, part) && begun.elapsed() < TURN => {
                    // No connection is held meanwhile.
                    let tried = self.attempt(&delivery).await;
                    run.tx("webhooks.record", async |tx| {
                        record(tx, &delivery, tried).await.map_err(not_enqueued)?;
                        Ok::<_, Failure>(find_next(tx, endpoint, &parts).await?)
                    })
                    .await?
                }
                _ => break,
            };
        }
        // What is left, or was added since, is the next job's. It and the end of this one are committed together, so that
        // whoever makes something due meanwhile finds one of the two.
        run.complete("webhooks.deliver", async |tx| {
            let due_at = match part {
                Some(_) => next_of_part(tx, job, &parts).await?,
                None => next_probe(tx, job, &parts).await?,
            };
            if let Some(due_at) = due_at {
                rowhouse_jobs::enqueue(tx, job.new_job().at(due_at)).await.map_err(not_enqueued)?;
            }
            Ok::<_, Failure>(())
        })
        .await
    }

    /// The delivery that it came to nothing with is given up, and the others go on.
    async fn ended(&self, tx: &mut TenantTx, job: SendWebhooks, _: &End) -> Result<(), DbError> {
        let parts = parts(job.part);
        if let Some(next) = find_next(tx, job.webhook_endpoint_id, &parts).await? {
            fail_next(tx, next.id, "it was given up: it could not be sent").await?;
            rowhouse_jobs::enqueue(tx, job.new_job()).await.map_err(|error| match error {
                EnqueueError::Db(error) => error,
                EnqueueError::Json(error) => {
                    diesel::result::Error::SerializationError(Box::new(error)).into()
                }
            })?;
        }
        Ok(())
    }
}

fn parts(part: Option<Part>) -> Vec<Part> {
    part.map_or_else(|| Part::ALL.to_vec(), |part| vec![part])
}

/// A part sends while the endpoint is not paused; what looks whether it is back, when the pause is over.
const fn is_sendable(next: &Next, part: Option<Part>) -> bool {
    next.enabled
        && next.is_due
        && match part {
            Some(_) => next.pause_is_over.is_none(),
            None => matches!(next.pause_is_over, Some(true)),
        }
}

/// When a part has something to do again. If the endpoint is paused it waits, without a job, for the pause's end.
async fn next_of_part(
    tx: &mut TenantTx,
    job: SendWebhooks,
    parts: &[Part],
) -> Result<Option<DateTime<Utc>>, DbError> {
    let Some(next) = find_next(tx, job.webhook_endpoint_id, parts).await? else { return Ok(None) };
    let paused = next.pause_is_over.is_some() && lock_pause(tx, job.webhook_endpoint_id).await?.is_some();
    Ok((!paused).then_some(next.due_at))
}

/// When a paused endpoint is tried again. If there is nothing left to try it with, its pause is over.
async fn next_probe(
    tx: &mut TenantTx,
    job: SendWebhooks,
    parts: &[Part],
) -> Result<Option<DateTime<Utc>>, DbError> {
    let endpoint = job.webhook_endpoint_id;
    let Some(paused_until) = lock_pause(tx, endpoint).await? else { return Ok(None) };
    let next = find_next(tx, endpoint, parts).await?;
    if next.is_none() {
        end_pause(tx, endpoint).await?;
    }
    Ok(next.map(|next| next.due_at.max(paused_until)))
}

impl Deliver {
    async fn attempt(&self, next: &Next) -> Tried {
        let (attempted_at, begun) = (Utc::now(), Instant::now());
        let answer = match self.message(next, attempted_at) {
            Ok((target, message)) => self.sender.send(&target, &message).await,
            Err(error) => Err(error),
        };
        let took = begun.elapsed();
        let duration_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let (http_status, error, retry_after) = match answer {
            Ok(answer) => (Some(answer.status), refusal(answer.status), answer.retry_after),
            Err(error) => (None, Some(error.to_string()), None),
        };
        Tried { attempt: Attempt { attempted_at, http_status, error, duration_ms }, retry_after, took }
    }

    fn message(&self, next: &Next, now: DateTime<Utc>) -> Result<(Target, Message), SendError> {
        // What was allowed when it was registered may not be by now.
        let target = Target::parse(&next.url, self.sender.guard()).or(Err(SendError::NotAllowed))?;
        let (id, timestamp) = (next.event_id.to_string(), now.timestamp());
        let signature = self.sign(next, &id, timestamp).map_err(|error: NotOurs| {
            tracing::error!(%error, endpoint = %next.webhook_endpoint_id, "a webhook's secret cannot be read: {error}");
            SendError::Request
        })?;
        Ok((target, Message { id, timestamp, signature, body: next.body.clone() }))
    }

    /// With the secret, and for a while with the one before.
    fn sign(&self, next: &Next, id: &str, timestamp: i64) -> Result<String, NotOurs> {
        let secrets = [Some(&next.sealed_secret), next.previous_sealed_secret.as_ref()];
        let signed = secrets.into_iter().flatten().map(|sealed| {
            let secret = Secret::open(&self.sealing, next.webhook_endpoint_id, sealed)?;
            secret.sign(id, timestamp, next.body.as_bytes())
        });
        Ok(signed.collect::<Result<Vec<_>, _>>()?.join(" "))
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
