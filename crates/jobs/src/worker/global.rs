//! The queue of the jobs that belong to no tenant.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rowhouse_tenancy::{DbError, TenantDb};
use tokio::sync::watch;
use tracing::Instrument;

use super::attempt::{BACKOFF, PANICKED};
use super::crew::{Queue, StartedJobs};
use crate::Failure;
use crate::backoff::with_jitter;
use crate::failure::NextStep;
use crate::global::{AnyGlobalHandler, GlobalClaim, GlobalRun, claim_global, end_global, release_global};
use crate::metrics::{AttemptEnd, GLOBAL, MeasuredAttempt};

/// The number of jobs that an instance runs at once. They have workers of their own, so that they and tenants' jobs do not wait for
/// each other.
const WORKERS: usize = 8;

/// The handlers by the kind of job.
pub(super) type GlobalHandlers = HashMap<&'static str, Box<dyn AnyGlobalHandler>>;

pub(super) struct GlobalQueue {
    db: TenantDb,
    handlers: Arc<GlobalHandlers>,
    lease: Duration,
}

impl GlobalQueue {
    pub(super) fn new(db: TenantDb, handlers: GlobalHandlers, lease: Duration) -> Self {
        Self { db, handlers: Arc::new(handlers), lease }
    }
}

impl Queue for GlobalQueue {
    fn workers(&self) -> usize {
        if self.handlers.is_empty() { 0 } else { WORKERS }
    }

    async fn claim(&self, most: usize, releasing: &watch::Receiver<bool>) -> Result<StartedJobs, DbError> {
        let lease = self.lease;
        let (claims, wait) =
            self.db.global_tx("jobs.claim_global", async |tx| claim_global(tx, most, lease).await).await?;
        let attempts = claims.into_iter().map(|claim| {
            let (db, handlers) = (self.db.clone(), Arc::clone(&self.handlers));
            let span = tracing::info_span!(
                "job",
                otel.name = claim.kind,
                job_id = %claim.id,
                attempt = claim.attempts,
            );
            let attempt = GlobalJobAttempt { run: GlobalRun::new(db.clone(), claim, lease), db, handlers };
            attempt.make(releasing.clone()).instrument(span).boxed()
        });
        Ok(StartedJobs { attempts: attempts.collect(), wait })
    }
}

/// One attempt at one job, from its claim to its end.
struct GlobalJobAttempt {
    db: TenantDb,
    handlers: Arc<GlobalHandlers>,
    run: GlobalRun,
}

impl GlobalJobAttempt {
    /// Makes the attempt. If its result cannot be stored, the job runs again after its lease has expired.
    async fn make(self, stopping: watch::Receiver<bool>) {
        let kind = &self.run.claim().kind;
        let measured = MeasuredAttempt::begin(GLOBAL, kind);
        match self.settle(stopping).await {
            Ok(end) => measured.end(end),
            Err(error) => tracing::warn!(kind, %error, "a job's result could not be stored: {error}"),
        }
    }

    async fn settle(&self, mut stopping: watch::Receiver<bool>) -> Result<AttemptEnd, DbError> {
        let claim = self.run.claim();
        let Some(handler) = self.handlers.get(claim.kind.as_str()) else {
            let unknown = Failure::retry("this version of the program does not know this kind of job");
            return self.after(unknown, i32::MAX).await;
        };
        let running = AssertUnwindSafe(handler.run(&self.run, claim.id, &claim.payload)).catch_unwind();
        let outcome = tokio::select! {
            outcome = running => outcome.unwrap_or_else(|_panic| Err(Failure::retry(PANICKED))),
            () = self.run.until_lost() => return Ok(AttemptEnd::HandedOver),
            () = stopping.wait_for(|stopping| *stopping).map(drop) => {
                self.release(Duration::ZERO, true).await?;
                return Ok(AttemptEnd::HandedOver);
            }
        };
        match outcome {
            _ if self.run.is_completed() => Ok(AttemptEnd::Succeeded),
            Ok(()) => self.end().await.map(|()| AttemptEnd::Succeeded),
            Err(failure) => self.after(failure, handler.max_attempts()).await,
        }
    }

    async fn after(&self, failure: Failure, max_attempts: i32) -> Result<AttemptEnd, DbError> {
        let GlobalClaim { kind, attempts, .. } = self.run.claim();
        let Failure { reason, then, .. } = failure;
        // A tenant's job is abandoned when its tenant is suspended; a job without a tenant is retried. If the lease is lost,
        // releasing has no effect.
        let delay = match then {
            NextStep::Retry(delay) => Some(delay),
            NextStep::Abandon => Some(None),
            NextStep::MarkDead => None,
        };
        match delay {
            Some(delay) if *attempts < max_attempts => {
                let delay = delay.map_or_else(|| BACKOFF.delay(*attempts), with_jitter);
                tracing::warn!(kind, attempts, ?delay, "a job is tried again later: {reason}");
                self.release(delay, false).await.map(|()| AttemptEnd::Retried)
            }
            _ => {
                tracing::error!(kind, attempts, "a job is abandoned: {reason}");
                self.end().await.map(|()| AttemptEnd::Dead)
            }
        }
    }

    async fn end(&self) -> Result<(), DbError> {
        let ended = async |tx: &mut _| end_global(tx, self.run.claim()).await;
        self.db.global_tx("jobs.end_global", ended).await.map(drop)
    }

    async fn release(&self, delay: Duration, uncounted: bool) -> Result<(), DbError> {
        let released = async |tx: &mut _| release_global(tx, self.run.claim(), delay, uncounted).await;
        self.db.global_tx("jobs.release_global", released).await.map(drop)
    }
}
