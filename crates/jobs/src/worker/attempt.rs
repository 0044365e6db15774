//! One attempt at one job, from its claim to its outcome.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantDb};
use tokio::sync::watch;
use tracing::Instrument;

use super::Handlers;
use crate::backoff::{delay_after, with_jitter};
use crate::claim::Claimed;
use crate::handler::{AnyHandler, Then};
use crate::task::{Task, bury, cancel, find_task, give_back, postpone};
use crate::{End, Failure, LostLease, Run};

pub(super) struct Attempt {
    db: TenantDb,
    cx: TenantContext,
    handlers: Arc<Handlers>,
    claimed: Claimed,
    lease: Duration,
}

/// What is to become of the job.
enum Outcome {
    /// It has ended, or is not ours: nothing.
    Settled,
    Failed(Failure),
    Cancelled,
    GiveBack,
}

impl Attempt {
    pub(super) fn new(db: TenantDb, handlers: Arc<Handlers>, claimed: Claimed, lease: Duration) -> Self {
        let cx = TenantContext::system(SystemOrigin::Job, claimed.tenant);
        Self { db, cx, handlers, claimed, lease }
    }

    /// Makes the attempt. What cannot be written down is done again when the lease is over.
    pub(super) async fn make(self, stopping: watch::Receiver<bool>) {
        let found = self.db.tx(&self.cx, "jobs.find", async |tx| find_task(tx, &self.claimed).await).await;
        let task = match found {
            Ok(Some(task)) => task,
            Ok(None) => return,
            Err(error) => {
                let id = self.claimed.id;
                tracing::warn!(job_id = %id, %error, "job {id} could not be read: {error}");
                return;
            }
        };
        let span = tracing::info_span!(
            "job",
            otel.name = task.kind,
            tenant_id = %self.claimed.tenant,
            job_id = %self.claimed.id,
            attempt = task.attempts,
        );
        self.see_to(task, stopping).instrument(span).await;
    }

    async fn see_to(self, task: Task, mut stopping: watch::Receiver<bool>) {
        let handler = self.handlers.get(task.kind.as_str());
        let outcome = if task.cancel_requested {
            Outcome::Cancelled
        } else if task.attempts > task.max_attempts {
            // The workers that had it have ended in the middle, each time. It is not to take another one along.
            Outcome::Failed(Failure::fatal("it was begun as often as it may be, and never came to an end"))
        } else if let Some(handler) = handler {
            self.run(&task, handler.as_ref(), &mut stopping).await
        } else {
            Outcome::Failed(Failure::retry("this version of the program does not know this kind of job"))
        };
        if let Err(error) = self.settle(&task, handler.map(AsRef::as_ref), outcome).await {
            tracing::warn!(kind = task.kind, %error, "a job's outcome could not be written down: {error}");
        }
    }

    async fn run(
        &self,
        task: &Task,
        handler: &dyn AnyHandler,
        stopping: &mut watch::Receiver<bool>,
    ) -> Outcome {
        let run = Run::new(self.db.clone(), self.claimed, task, self.lease);
        let outcome = tokio::select! {
            outcome = handler.run(&run, task.payload.clone()) => outcome,
            lost = run.until_lost() => {
                return match lost {
                    Ok(LostLease::Cancelled) => Outcome::Cancelled,
                    Ok(LostLease::Taken) | Err(_) => Outcome::Settled,
                };
            }
            _ = stopping.wait_for(|stopping| *stopping) => return Outcome::GiveBack,
        };
        match outcome {
            _ if run.is_completed() => Outcome::Settled,
            Ok(()) => match run.complete("jobs.succeed", async |_| Ok::<_, Failure>(())).await {
                Ok(()) => Outcome::Settled,
                Err(failure) => Outcome::Failed(failure),
            },
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn settle(
        &self,
        task: &Task,
        handler: Option<&dyn AnyHandler>,
        outcome: Outcome,
    ) -> Result<(), DbError> {
        match outcome {
            Outcome::Settled => Ok(()),
            Outcome::GiveBack => {
                self.db.tx(&self.cx, "jobs.give_back", async |tx| give_back(tx, &self.claimed).await).await
            }
            Outcome::Cancelled => self.end(task, handler, End::Cancelled).await,
            Outcome::Failed(Failure { reason, then }) => match then {
                // A transaction that was refused says so of a cancelled job too.
                Then::LetGo => self.end(task, handler, End::Cancelled).await,
                Then::Retry(delay) if task.attempts < task.max_attempts => {
                    let delay = delay.map_or_else(|| delay_after(task.attempts), with_at_least_jitter);
                    tracing::warn!(kind = task.kind, ?delay, "a job is put off: {reason}");
                    self.db
                        .tx(&self.cx, "jobs.postpone", async |tx| {
                            postpone(tx, &self.claimed, delay, &reason).await
                        })
                        .await
                }
                Then::Retry(_) | Then::GiveUp => {
                    tracing::error!(kind = task.kind, "a job is given up: {reason}");
                    self.end(task, handler, End::Dead { reason }).await
                }
            },
        }
    }

    /// Ends the job and says so in the handler's own tables, or neither.
    async fn end(&self, task: &Task, handler: Option<&dyn AnyHandler>, end: End) -> Result<(), DbError> {
        self.db
            .tx(&self.cx, "jobs.end", async |tx| {
                let ended = match &end {
                    End::Dead { reason } => bury(tx, &self.claimed, reason).await?,
                    End::Cancelled => cancel(tx, &self.claimed).await?,
                };
                match handler {
                    Some(handler) if ended => handler.ended(tx, task.payload.clone(), &end).await,
                    _ => Ok(()),
                }
            })
            .await
    }
}

/// Not before the time that was asked for.
fn with_at_least_jitter(delay: Duration) -> Duration {
    with_jitter(delay).max(delay)
}
