//! One attempt at one job, from its claim to its outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext};
use tokio::sync::watch;
use tracing::Instrument;

use super::Handlers;
use crate::backoff::{Backoff, with_jitter};
use crate::claim::Claimed;
use crate::handler::{AnyHandler, Then};
use crate::task::{Task, bury, cancel, find_task, give_back, move_to, postpone};
use crate::transactions::Transactions;
use crate::{Class, End, Failure, LostLease, Run};

/// What the tenant's people are told of a panic. Its own words may be about anything; the process's panic hook writes them to
/// the log.
pub(super) const PANICKED: &str = "it panicked: the service's log says where and why";

/// The delays of jobs that fail without asking for others.
pub(super) const BACKOFF: Backoff = Backoff::doubling(Duration::from_secs(2), Duration::from_hours(1));

pub(super) struct Attempt {
    transactions: Transactions,
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
    /// It is for the workers of another class.
    Move(Class),
}

impl Attempt {
    pub(super) fn new(
        transactions: Transactions,
        handlers: Arc<Handlers>,
        claimed: Claimed,
        lease: Duration,
    ) -> Self {
        let cx = TenantContext::system(SystemOrigin::Job, claimed.tenant);
        Self { transactions, cx, handlers, claimed, lease }
    }

    /// Makes the attempt, in the workers of a class. What cannot be written down is done again when the lease is over.
    pub(super) async fn make(self, class: Class, stopping: watch::Receiver<bool>) {
        let found =
            self.transactions.tx(&self.cx, "jobs.find", async |tx| find_task(tx, &self.claimed).await).await;
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
        self.see_to(class, task, stopping).instrument(span).await;
    }

    async fn see_to(self, class: Class, task: Task, mut stopping: watch::Receiver<bool>) {
        let handler = self.handlers.get(task.kind.as_str());
        let outcome = if task.cancel_requested {
            Outcome::Cancelled
        } else if let Some(other) = handler.map(|handler| handler.class()).filter(|of| *of != class) {
            // A program of before there were classes has enqueued it, or one in which its kind had another.
            Outcome::Move(other)
        } else if task.attempts > task.max_attempts {
            // The workers that had it have ended in the middle, each time. It is not to take another one along.
            Outcome::Failed(Failure::fatal("it was begun as often as it may be, and never came to an end"))
        } else if let Some(handler) = handler {
            self.run(&task, handler.as_ref(), &mut stopping).await
        } else {
            Outcome::Failed(Failure::retry("this version of the program does not know this kind of job"))
        };
        let settled = AssertUnwindSafe(self.settle(&task, handler.map(AsRef::as_ref), outcome));
        let settled = match settled.catch_unwind().await {
            Ok(settled) => settled,
            // The handler's word on the end; the end waits for it.
            Err(_panic) => self.put_off(&task, BACKOFF.delay(task.attempts), PANICKED).await,
        };
        if let Err(error) = settled {
            tracing::warn!(kind = task.kind, %error, "a job's outcome could not be written down: {error}");
        }
    }

    async fn run(
        &self,
        task: &Task,
        handler: &dyn AnyHandler,
        stopping: &mut watch::Receiver<bool>,
    ) -> Outcome {
        let run = Run::new(self.transactions.clone(), self.claimed, task, self.lease);
        // What it leaves behind is dropped with the future: its transaction is undone.
        let running = AssertUnwindSafe(handler.run(&run, task.payload.clone())).catch_unwind();
        let outcome = tokio::select! {
            outcome = running => outcome.unwrap_or_else(|_panic| Err(Failure::retry(PANICKED))),
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
                self.transactions
                    .tx(&self.cx, "jobs.give_back", async |tx| give_back(tx, &self.claimed).await)
                    .await
            }
            Outcome::Move(class) => {
                self.transactions
                    .tx(&self.cx, "jobs.move", async |tx| move_to(tx, &self.claimed, class).await)
                    .await
            }
            Outcome::Cancelled => self.end(task, handler, End::Cancelled).await,
            Outcome::Failed(Failure { reason, then, .. }) => match then {
                // A transaction that was refused says so of a cancelled job too.
                Then::LetGo => self.end(task, handler, End::Cancelled).await,
                Then::Retry(delay) if task.attempts < task.max_attempts => {
                    let delay = delay.map_or_else(|| BACKOFF.delay(task.attempts), with_jitter);
                    self.put_off(task, delay, &reason).await
                }
                Then::Retry(_) | Then::GiveUp => {
                    tracing::error!(kind = task.kind, "a job is given up: {reason}");
                    self.end(task, handler, End::Dead { reason }).await
                }
            },
        }
    }

    async fn put_off(&self, task: &Task, delay: Duration, reason: &str) -> Result<(), DbError> {
        tracing::warn!(kind = task.kind, ?delay, "a job is put off: {reason}");
        self.transactions
            .tx(&self.cx, "jobs.postpone", async |tx| postpone(tx, &self.claimed, delay, reason).await)
            .await
    }

    /// Ends the job and says so in the handler's own tables, or neither.
    async fn end(&self, task: &Task, handler: Option<&dyn AnyHandler>, end: End) -> Result<(), DbError> {
        self.transactions
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
