//! What came of an attempt, and what follows from it.

use std::time::Duration;

use hyper::StatusCode;
use rowhouse_jobs::EnqueueError;
use rowhouse_tenancy::TenantTx;

use super::breaker::{Verdict, after_failure};
use super::jobs::{look_at_all, probe_at};
use super::schedule;
use crate::store::webhook_deliveries::{
    Attempt, Next, Outcome, insert_attempt, lock_pending, update_pending,
};
use crate::store::webhook_health::{count_failure, disable, forget_failures, pause};

/// Why the system disables an endpoint.
pub(crate) const GONE: &str = "gone";
pub(crate) const FAILING: &str = "failing";

/// What came of an attempt, and what it says in the log.
pub(super) struct Tried {
    pub(super) attempt: Attempt,
    pub(super) retry_after: Option<Duration>,
    pub(super) took: Duration,
}

/// Writes down what came of an attempt at a delivery, and what it says of the endpoint.
pub(super) async fn record(tx: &mut TenantTx, next: &Next, tried: Tried) -> Result<(), EnqueueError> {
    let Tried { attempt, retry_after, took } = tried;
    let endpoint = next.webhook_endpoint_id;
    let gone = attempt.http_status == Some(StatusCode::GONE);
    let delivered = attempt.error.is_none();
    let paused = next.pause_is_over.is_some();
    if paused && (delivered || gone) {
        look_at_all(tx, endpoint).await?;
    }
    // Whoever deleted the endpoint meanwhile wants to hear no more of it.
    let Some(attempts_left) = lock_pending(tx, next.id).await? else { return Ok(()) };
    let attempts_left = (attempts_left - 1).max(0);
    let outcome = if delivered {
        Outcome::Delivered
    } else if gone || attempts_left == 0 {
        Outcome::Failed
    } else {
        Outcome::PutOff { delay: schedule::delay(attempts_left, retry_after) }
    };
    update_pending(tx, next.id, attempts_left, outcome).await?;
    insert_attempt(tx, next.id, &attempt).await?;
    if gone {
        disable(tx, endpoint, GONE).await?;
    } else if delivered {
        if paused || next.failure_count > 0 {
            forget_failures(tx, endpoint, paused).await?;
        }
    } else {
        let took = attempt.http_status.is_none().then_some(took);
        note_failure(tx, next, took).await?;
    }
    Ok(())
}

async fn note_failure(tx: &mut TenantTx, next: &Next, took: Option<Duration>) -> Result<(), EnqueueError> {
    let endpoint = next.webhook_endpoint_id;
    let is_probe = next.pause_is_over.is_some();
    let Some(failures) = count_failure(tx, endpoint, is_probe).await? else { return Ok(()) };
    match after_failure(failures.failure_count, failures.failing_for(), took) {
        Verdict::Disable => {
            tracing::warn!(%endpoint, "webhook endpoint {endpoint} is disabled: it has failed for days");
            disable(tx, endpoint, FAILING).await?;
            // What is pending is given up.
            look_at_all(tx, endpoint).await
        }
        Verdict::Pause(delay) if is_probe || !failures.paused => {
            let until = pause(tx, endpoint, delay).await?;
            probe_at(tx, endpoint, until).await
        }
        Verdict::Pause(_) | Verdict::GoOn => Ok(()),
    }
}
