//! The job that sends pending deliveries.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use rowhouse_chassis::encryption::{DecryptError, EncryptionKeys};
use rowhouse_chassis::telemetry::{TRACEPARENT, continue_trace, traceparent};
use rowhouse_jobs::{End, Failure, Handler, Run};
use rowhouse_tenancy::{DbError, TenantTx};
use tracing::Instrument;
use tracing::field::Empty;

use super::jobs::{SendWebhooks, lock_of};
use super::metrics;
use super::record::{AttemptResult, record};
use super::secret::Secret;
use super::send::{Message, Sender};
use super::send_error::SendError;
use crate::domain::{Part, Target};
use crate::store::webhook_deliveries::{DeliveryAttempt, fail_next, fail_pending};
use crate::store::webhook_health::{end_pause, lock_pause};
use crate::store::webhook_queue::{NextDelivery, find_next};

/// The time for which one run sends. Then it is another's turn.
const TURN: Duration = Duration::from_secs(10);
/// The number of deliveries that fail in one transaction.
const BATCH: usize = 500;

/// The handler of [`SendWebhooks`].
pub(crate) struct SendWebhooksHandler {
    sender: Sender,
    encryption: EncryptionKeys,
}

impl Handler<SendWebhooks> for SendWebhooksHandler {
    async fn run(&self, run: &Run, job: SendWebhooks) -> Result<(), Failure> {
        let SendWebhooks { webhook_endpoint_id: endpoint, part } = job;
        let parts = &parts(part);
        let begun = Instant::now();
        let mut next = run.tx("webhooks.next", async |tx| Ok(find_next(tx, endpoint, parts).await?)).await?;
        while let Some(delivery) = next {
            next = match step(&delivery, part, begun.elapsed()) {
                Step::Drop(part) => {
                    let dropped = async |tx: &mut TenantTx| {
                        let reason = "it was not sent: the endpoint is disabled";
                        let count = fail_pending(tx, endpoint, part, reason, BATCH).await?;
                        Ok((find_next(tx, endpoint, parts).await?, count))
                    };
                    let (next, count) = run.tx("webhooks.drop", dropped).await?;
                    metrics::suppressed(count);
                    next
                }
                Step::Send => {
                    // No connection is held during the attempt.
                    let tried = self.attempt(&delivery).await;
                    let recorded = async |tx: &mut TenantTx| {
                        record(tx, &delivery, &tried).await?;
                        Ok(find_next(tx, endpoint, parts).await?)
                    };
                    if tried.concerns_other_jobs(&delivery) {
                        run.tx_with_lock(&lock_of(endpoint), "webhooks.record", recorded).await?
                    } else {
                        run.tx("webhooks.record", recorded).await?
                    }
                }
                Step::Stop => break,
            };
        }
        // Remaining and new deliveries belong to the next job. It is committed together with the end of this
        // one, so that a transaction that makes a delivery due meanwhile finds one of the two.
        run.complete("webhooks.deliver", async |tx| {
            let due_at = match part {
                Some(_) => next_of_part(tx, job, parts).await?,
                None => next_probe(tx, job, parts).await?,
            };
            if let Some(due_at) = due_at {
                rowhouse_jobs::enqueue(tx, job.new_job().at(due_at)).await?;
            }
            Ok(())
        })
        .await
    }

    /// Fails the delivery at which the job failed for good, so that the others continue.
    async fn ended(&self, tx: &mut TenantTx, job: SendWebhooks, _: &End) -> Result<(), DbError> {
        let parts = parts(job.part);
        if let Some(next) = find_next(tx, job.webhook_endpoint_id, &parts).await? {
            fail_next(tx, next.id, "it was abandoned: it could not be sent").await?;
            rowhouse_jobs::enqueue(tx, job.new_job()).await?;
        }
        Ok(())
    }
}

fn parts(part: Option<Part>) -> Vec<Part> {
    part.map_or_else(|| Part::ALL.to_vec(), |part| vec![part])
}

impl SendWebhooksHandler {
    /// Creates a handler.
    pub(crate) fn new(sender: Sender, encryption: EncryptionKeys) -> Self {
        metrics::expect_deliveries();
        Self { sender, encryption }
    }
}

/// The next step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Send,
    /// Fail the pending deliveries of the part.
    Drop(Part),
    Stop,
}

/// Returns the next step. A part sends while the endpoint is not paused; the probe sends when the pause is over. The
/// parts of a disabled endpoint fail their deliveries. A run whose time is over leaves the rest to the next one.
fn step(next: &NextDelivery, part: Option<Part>, elapsed: Duration) -> Step {
    match part {
        _ if elapsed >= TURN => Step::Stop,
        Some(part) if !next.enabled => Step::Drop(part),
        Some(_) if next.is_due && next.pause_is_over.is_none() => Step::Send,
        None if next.enabled && next.is_due && next.pause_is_over == Some(true) => Step::Send,
        _ => Step::Stop,
    }
}

/// Enqueues the part's next job. A paused endpoint's part waits without a job until the pause ends.
async fn next_of_part(
    tx: &mut TenantTx,
    job: SendWebhooks,
    parts: &[Part],
) -> Result<Option<DateTime<Utc>>, DbError> {
    let Some(next) = find_next(tx, job.webhook_endpoint_id, parts).await? else { return Ok(None) };
    let paused = next.pause_is_over.is_some() && lock_pause(tx, job.webhook_endpoint_id).await?.is_some();
    // Deliveries that will fail need not wait.
    let due_at = if next.enabled { next.due_at } else { Utc::now() };
    Ok((!paused).then_some(due_at))
}

/// Enqueues the next probe of a paused endpoint. If nothing is left to try it with, its pause ends.
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

impl SendWebhooksHandler {
    /// Sends a delivery once, as a part of the trace of the request that its event follows from.
    async fn attempt(&self, next: &NextDelivery) -> AttemptResult {
        let span = tracing::info_span!(
            "webhook",
            otel.name = "webhook",
            otel.kind = "client",
            event_id = %next.event_id,
            trace_id = Empty,
            span_id = Empty,
        );
        if let Some(parent) = &next.trace_parent {
            continue_trace(&span, |name| (name == TRACEPARENT).then_some(parent));
        }
        let result = self.attempt_traced(next).instrument(span).await;
        metrics::attempted(result.is_delivered(), result.took);
        result
    }

    async fn attempt_traced(&self, next: &NextDelivery) -> AttemptResult {
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
        AttemptResult {
            attempt: DeliveryAttempt { attempted_at, http_status, error, duration_ms },
            retry_after,
            took,
        }
    }

    fn message(&self, next: &NextDelivery, now: DateTime<Utc>) -> Result<(Target, Message), SendError> {
        // A URL that was allowed when it was registered may not be by now.
        let target = Target::parse(&next.url, self.sender.guard()).or(Err(SendError::NotAllowed))?;
        let (id, timestamp) = (next.event_id.to_string(), now.timestamp());
        let signature = self.sign(next, &id, timestamp).map_err(|error: DecryptError| {
            tracing::error!(%error, endpoint = %next.webhook_endpoint_id, "a webhook's secret cannot be read: {error}");
            SendError::Request
        })?;
        Ok((
            target,
            Message { id, timestamp, signature, body: next.body.clone(), trace_parent: traceparent() },
        ))
    }

    /// Signs with the secret, and for a while with the previous one as well.
    fn sign(&self, next: &NextDelivery, id: &str, timestamp: i64) -> Result<String, DecryptError> {
        let sign = |ciphertext: &[u8]| {
            let secret = Secret::decrypt(&self.encryption, next.webhook_endpoint_id, ciphertext)?;
            secret.sign(id, timestamp, next.body.as_bytes())
        };
        let signature = sign(&next.encrypted_secret)?;
        // A secret of a lost key is what a rotation is for.
        let previous = next.previous_encrypted_secret.as_deref().and_then(|ciphertext| sign(ciphertext).ok());
        Ok(previous.map_or_else(|| signature.clone(), |previous| format!("{signature} {previous}")))
    }
}

/// Returns the reason why an answer does not count as delivered, or `None`.
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
    use uuid::Uuid;

    use super::*;

    /// Returns a due delivery to a healthy endpoint.
    fn next() -> NextDelivery {
        NextDelivery {
            id: Uuid::now_v7(),
            webhook_endpoint_id: Uuid::now_v7(),
            event_id: Uuid::now_v7(),
            body: String::new(),
            url: String::new(),
            encrypted_secret: Vec::new(),
            previous_encrypted_secret: None,
            trace_parent: None,
            enabled: true,
            failure_count: 0,
            pause_is_over: None,
            due_at: Utc::now(),
            is_due: true,
        }
    }

    #[test]
    fn a_part_and_a_probe_send_by_turns() {
        let part = Some(Part::of(Uuid::nil()));
        for (pause_is_over, of_part, of_probe) in [
            (None, Step::Send, Step::Stop),
            (Some(false), Step::Stop, Step::Stop),
            (Some(true), Step::Stop, Step::Send),
        ] {
            let next = NextDelivery { pause_is_over, ..next() };
            assert_eq!(step(&next, part, Duration::ZERO), of_part, "{pause_is_over:?}");
            assert_eq!(step(&next, None, Duration::ZERO), of_probe, "{pause_is_over:?}");
            let early = NextDelivery { is_due: false, ..next };
            assert_eq!(
                [step(&early, part, Duration::ZERO), step(&early, None, Duration::ZERO)],
                [Step::Stop; 2]
            );
        }
    }

    #[test]
    fn a_disabled_endpoints_deliveries_fail_in_turns() {
        let (part, disabled) =
            (Part::of(Uuid::nil()), NextDelivery { enabled: false, is_due: false, ..next() });
        assert_eq!(step(&disabled, Some(part), Duration::ZERO), Step::Drop(part));
        assert_eq!(step(&disabled, None, Duration::ZERO), Step::Stop, "the parts do it");
        for next in [disabled, next()] {
            assert_eq!(step(&next, Some(part), TURN), Step::Stop);
        }
    }

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
