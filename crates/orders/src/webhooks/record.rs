//! Recording the result of an attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use rowhouse_jobs::EnqueueError;
use rowhouse_tenancy::TenantTx;

use super::breaker::{BreakerDecision, after_failure};
use super::jobs::{look_at_all, probe_at};
use crate::domain::delivery_delay;
use crate::store::webhook_deliveries::{
    DeliveryAttempt, DeliveryOutcome, insert_attempt, lock_pending, update_pending,
};
use crate::store::webhook_health::{Failures, disable, find_failures, forget_failures, save_failures};
use crate::store::webhook_queue::NextDelivery;

/// The reason for which the system disables an endpoint whose receiver answered 410.
pub(crate) const GONE: &str = "gone";
pub(crate) const FAILING: &str = "failing";

/// The result of an attempt, with its log entry.
pub(super) struct AttemptResult {
    pub(super) attempt: DeliveryAttempt,
    pub(super) retry_after: Option<Duration>,
    pub(super) took: Duration,
}

impl AttemptResult {
    fn is_gone(&self) -> bool {
        self.attempt.http_status == Some(StatusCode::GONE)
    }

    pub(super) fn is_delivered(&self) -> bool {
        self.attempt.error.is_none()
    }

    /// Returns whether the endpoint's other jobs may be affected.
    pub(super) fn concerns_other_jobs(&self, next: &NextDelivery) -> bool {
        next.pause_is_over.is_some() || !self.is_delivered()
    }
}

/// The conclusion about the endpoint from an attempt.
enum EndpointFinding {
    Gone,
    Well,
    Fails(Failures, FailureConsequence),
    /// The endpoint was deleted.
    Nothing,
}

/// The consequence of a failure.
enum FailureConsequence {
    Nothing,
    Pause { until: DateTime<Utc> },
    Disable,
}

/// Records the result of an attempt for the delivery and for the endpoint. Jobs are locked first, then the delivery,
/// then the endpoint.
pub(super) async fn record(
    tx: &mut TenantTx,
    next: &NextDelivery,
    tried: &AttemptResult,
) -> Result<(), EnqueueError> {
    let says = notify_other_jobs(tx, next, tried).await?;
    // The endpoint was deleted meanwhile.
    let Some(attempts_left) = lock_pending(tx, next.id).await? else { return Ok(()) };
    let attempts_left = (attempts_left - 1).max(0);
    let outcome = if tried.is_delivered() {
        DeliveryOutcome::Delivered
    } else if tried.is_gone() || attempts_left == 0 {
        DeliveryOutcome::Failed
    } else {
        DeliveryOutcome::Retry { delay: delivery_delay(attempts_left, tried.retry_after) }
    };
    update_pending(tx, next.id, attempts_left, outcome).await?;
    insert_attempt(tx, next.id, &tried.attempt).await?;
    let (endpoint, paused) = (next.webhook_endpoint_id, next.pause_is_over.is_some());
    match says {
        EndpointFinding::Gone => disable(tx, endpoint, GONE).await?,
        EndpointFinding::Well if paused || next.failure_count > 0 => {
            forget_failures(tx, endpoint, paused).await?;
        }
        EndpointFinding::Well | EndpointFinding::Nothing => {}
        EndpointFinding::Fails(failures, FailureConsequence::Nothing) => {
            save_failures(tx, endpoint, &failures, None).await?;
        }
        EndpointFinding::Fails(failures, FailureConsequence::Pause { until }) => {
            save_failures(tx, endpoint, &failures, Some(until)).await?;
        }
        EndpointFinding::Fails(failures, FailureConsequence::Disable) => {
            save_failures(tx, endpoint, &failures, None).await?;
            tracing::warn!(%endpoint, "webhook endpoint {endpoint} is disabled: it has failed for days");
            disable(tx, endpoint, FAILING).await?;
        }
    }
    Ok(())
}

/// Determines what an attempt shows about the endpoint, and adapts the other jobs.
async fn notify_other_jobs(
    tx: &mut TenantTx,
    next: &NextDelivery,
    tried: &AttemptResult,
) -> Result<EndpointFinding, EnqueueError> {
    let (endpoint, is_probe) = (next.webhook_endpoint_id, next.pause_is_over.is_some());
    if tried.is_delivered() || tried.is_gone() {
        if is_probe {
            look_at_all(tx, endpoint).await?;
        }
        return Ok(if tried.is_gone() { EndpointFinding::Gone } else { EndpointFinding::Well });
    }
    let Some(failures) = find_failures(tx, endpoint, is_probe).await? else {
        return Ok(EndpointFinding::Nothing);
    };
    let took = tried.attempt.http_status.is_none().then_some(tried.took);
    let follows = match after_failure(failures.failure_count, failures.failing_for(), took) {
        BreakerDecision::Disable => {
            // Pending deliveries fail.
            look_at_all(tx, endpoint).await?;
            FailureConsequence::Disable
        }
        BreakerDecision::Pause(delay) if is_probe || !failures.paused => {
            let until = failures.now + delay;
            probe_at(tx, endpoint, until).await?;
            FailureConsequence::Pause { until }
        }
        BreakerDecision::Pause(_) | BreakerDecision::GoOn => FailureConsequence::Nothing,
    };
    Ok(EndpointFinding::Fails(failures, follows))
}
