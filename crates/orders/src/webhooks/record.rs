//! Recording the result of an attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use rowhouse_jobs::EnqueueError;
use rowhouse_tenancy::TenantTx;

use super::breaker::{Verdict, after_failure};
use super::jobs::{look_at_all, probe_at};
use crate::domain::delivery_delay;
use crate::store::webhook_deliveries::{
    DeliveryAttempt, DeliveryOutcome, insert_attempt, lock_pending, update_pending,
};
use crate::store::webhook_health::{Failures, disable, find_failures, forget_failures, save_failures};
use crate::store::webhook_queue::Next;

/// The reason for which the system disables an endpoint whose receiver answered 410.
pub(crate) const GONE: &str = "gone";
pub(crate) const FAILING: &str = "failing";

/// The result of an attempt, with its log entry.
pub(super) struct Tried {
    pub(super) attempt: DeliveryAttempt,
    pub(super) retry_after: Option<Duration>,
    pub(super) took: Duration,
}

impl Tried {
    fn is_gone(&self) -> bool {
        self.attempt.http_status == Some(StatusCode::GONE)
    }

    fn is_delivered(&self) -> bool {
        self.attempt.error.is_none()
    }

    /// Returns whether the endpoint's other jobs may be affected.
    pub(super) fn concerns_other_jobs(&self, next: &Next) -> bool {
        next.pause_is_over.is_some() || !self.is_delivered()
    }
}

/// The conclusion about the endpoint from an attempt.
enum Says {
    Gone,
    Well,
    Fails(Failures, Follows),
    /// The endpoint was deleted.
    Nothing,
}

/// The consequence of a failure.
enum Follows {
    Nothing,
    Pause { until: DateTime<Utc> },
    Disable,
}

/// Records the result of an attempt for the delivery and for the endpoint. Jobs are locked first, then the delivery,
/// then the endpoint.
pub(super) async fn record(tx: &mut TenantTx, next: &Next, tried: &Tried) -> Result<(), EnqueueError> {
    let says = notify_other_jobs(tx, next, tried).await?;
    // The endpoint was deleted meanwhile.
    let Some(attempts_left) = lock_pending(tx, next.id).await? else { return Ok(()) };
    let attempts_left = (attempts_left - 1).max(0);
    let outcome = if tried.is_delivered() {
        DeliveryOutcome::Delivered
    } else if tried.is_gone() || attempts_left == 0 {
        DeliveryOutcome::Failed
    } else {
        DeliveryOutcome::PutOff { delay: delivery_delay(attempts_left, tried.retry_after) }
    };
    update_pending(tx, next.id, attempts_left, outcome).await?;
    insert_attempt(tx, next.id, &tried.attempt).await?;
    let (endpoint, paused) = (next.webhook_endpoint_id, next.pause_is_over.is_some());
    match says {
        Says::Gone => disable(tx, endpoint, GONE).await?,
        Says::Well if paused || next.failure_count > 0 => forget_failures(tx, endpoint, paused).await?,
        Says::Well | Says::Nothing => {}
        Says::Fails(failures, Follows::Nothing) => save_failures(tx, endpoint, &failures, None).await?,
        Says::Fails(failures, Follows::Pause { until }) => {
            save_failures(tx, endpoint, &failures, Some(until)).await?;
        }
        Says::Fails(failures, Follows::Disable) => {
            save_failures(tx, endpoint, &failures, None).await?;
            tracing::warn!(%endpoint, "webhook endpoint {endpoint} is disabled: it has failed for days");
            disable(tx, endpoint, FAILING).await?;
        }
    }
    Ok(())
}

/// Determines what an attempt shows about the endpoint, and adapts the other jobs.
async fn notify_other_jobs(tx: &mut TenantTx, next: &Next, tried: &Tried) -> Result<Says, EnqueueError> {
    let (endpoint, is_probe) = (next.webhook_endpoint_id, next.pause_is_over.is_some());
    if tried.is_delivered() || tried.is_gone() {
        if is_probe {
            look_at_all(tx, endpoint).await?;
        }
        return Ok(if tried.is_gone() { Says::Gone } else { Says::Well });
    }
    let Some(failures) = find_failures(tx, endpoint, is_probe).await? else { return Ok(Says::Nothing) };
    let took = tried.attempt.http_status.is_none().then_some(tried.took);
    let follows = match after_failure(failures.failure_count, failures.failing_for(), took) {
        Verdict::Disable => {
            // Pending deliveries fail.
            look_at_all(tx, endpoint).await?;
            Follows::Disable
        }
        Verdict::Pause(delay) if is_probe || !failures.paused => {
            let until = failures.now + delay;
            probe_at(tx, endpoint, until).await?;
            Follows::Pause { until }
        }
        Verdict::Pause(_) | Verdict::GoOn => Follows::Nothing,
    };
    Ok(Says::Fails(failures, follows))
}
