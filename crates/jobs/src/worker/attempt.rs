//! One attempt at a job, from its claim to its result.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rowhouse_chassis::telemetry::{TRACEPARENT, continue_trace};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext};
use tokio::sync::watch;
use tracing::Instrument;
use tracing::field::Empty;

use super::Handlers;
use crate::backoff::{Backoff, with_jitter};
use crate::claim::ClaimedJob;
use crate::failure::NextStep;
use crate::handler::AnyHandler;
use crate::metrics::{AttemptEnd, MeasuredAttempt};
use crate::task::{Task, cancel, find_task, mark_dead, move_to, postpone, release};
use crate::transactions::Transactions;
use crate::{Class, End, Failure, LostLease, Run};

/// The message for the tenant's people after a panic. The panic's own message may contain anything; the process's
/// panic hook logs it.
pub(super) const PANICKED: &str = "it panicked: the service's log says where and why";

/// The delays of jobs that fail without asking for others.
pub(super) const BACKOFF: Backoff = Backoff::doubling(Duration::from_secs(2), Duration::from_hours(1));

pub(super) struct JobAttempt {
    transactions: Transactions,
    cx: TenantContext,
    handlers: Arc<Handlers>,
    claimed: ClaimedJob,
    lease: Duration,
}

/// The result of an attempt: what happens to the job.
enum JobDisposition {
    /// The job has ended: nothing to do.
    Completed,
    /// It belongs to another worker: nothing to do.
    Lost,
    Failed(Failure),
    Cancelled,
    Release,
    /// The job belongs to another class.
    Move(Class),
}

impl JobAttempt {
    pub(super) fn new(
        transactions: Transactions,
        handlers: Arc<Handlers>,
        claimed: ClaimedJob,
        lease: Duration,
    ) -> Self {
        let cx = TenantContext::system(SystemOrigin::Job, claimed.tenant);
        Self { transactions, cx, handlers, claimed, lease }
    }

    /// Makes the attempt with a worker of a class. If the result cannot be recorded, the job runs again after its
    /// lease has expired.
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
            trace_id = Empty,
            span_id = Empty,
        );
        // Work that somebody asked for belongs to the trace of the request.
        if let Some(parent) = &task.trace_parent {
            continue_trace(&span, |name| (name == TRACEPARENT).then_some(parent));
        }
        self.process(class, task, stopping).instrument(span).await;
    }

    async fn process(self, class: Class, task: Task, mut stopping: watch::Receiver<bool>) {
        let measured = MeasuredAttempt::begin(class.as_str(), &task.kind);
        let handler = self.handlers.get(task.kind.as_str());
        let outcome = if task.cancel_requested {
            JobDisposition::Cancelled
        } else if let Some(other) = handler.map(|handler| handler.class()).filter(|of| *of != class) {
            // The job was enqueued by a program in which its kind had another class, or none.
            JobDisposition::Move(other)
        } else if task.attempts > task.max_attempts {
            // The worker died in each attempt. The job must not kill another one.
            JobDisposition::Failed(Failure::fatal("the last attempt was interrupted"))
        } else if let Some(handler) = handler {
            self.run(&task, handler.as_ref(), &mut stopping).await
        } else {
            JobDisposition::Failed(Failure::retry(
                "this version of the program does not know this kind of job",
            ))
        };
        let settled = AssertUnwindSafe(self.settle(&task, handler.map(AsRef::as_ref), outcome));
        let settled = match settled.catch_unwind().await {
            Ok(settled) => settled,
            // The handler could not record the end, so the end is retried.
            Err(_panic) => self.reschedule(&task, BACKOFF.delay(task.attempts), PANICKED).await,
        };
        match settled {
            Ok(end) => measured.end(end),
            Err(error) => {
                tracing::warn!(kind = task.kind, %error, "a job's result could not be stored: {error}");
            }
        }
    }

    async fn run(
        &self,
        task: &Task,
        handler: &dyn AnyHandler,
        stopping: &mut watch::Receiver<bool>,
    ) -> JobDisposition {
        let run = Run::new(self.transactions.clone(), self.claimed, task, self.lease);
        // Dropping the future rolls its transaction back.
        let running = AssertUnwindSafe(handler.run(&run, task.payload.clone())).catch_unwind();
        let outcome = tokio::select! {
            outcome = running => outcome.unwrap_or_else(|_panic| Err(Failure::retry(PANICKED))),
            lost = run.until_lost() => {
                return match lost {
                    Ok(LostLease::Cancelled) => JobDisposition::Cancelled,
                    Ok(LostLease::Taken) | Err(_) => JobDisposition::Lost,
                };
            }
            _ = stopping.wait_for(|stopping| *stopping) => return JobDisposition::Release,
        };
        match outcome {
            _ if run.is_completed() => JobDisposition::Completed,
            Ok(()) => match run.complete("jobs.succeed", async |_| Ok::<_, Failure>(())).await {
                Ok(()) => JobDisposition::Completed,
                Err(failure) => JobDisposition::Failed(failure),
            },
            Err(failure) => JobDisposition::Failed(failure),
        }
    }

    async fn settle(
        &self,
        task: &Task,
        handler: Option<&dyn AnyHandler>,
        outcome: JobDisposition,
    ) -> Result<AttemptEnd, DbError> {
        match outcome {
            JobDisposition::Completed => Ok(AttemptEnd::Succeeded),
            JobDisposition::Lost => Ok(AttemptEnd::HandedOver),
            JobDisposition::Release => {
                let released = async |tx: &mut _| release(tx, &self.claimed).await;
                self.transactions.tx(&self.cx, "jobs.release", released).await?;
                Ok(AttemptEnd::HandedOver)
            }
            JobDisposition::Move(class) => {
                let moved = async |tx: &mut _| move_to(tx, &self.claimed, class).await;
                self.transactions.tx(&self.cx, "jobs.move", moved).await?;
                Ok(AttemptEnd::HandedOver)
            }
            JobDisposition::Cancelled => self.end(task, handler, End::Cancelled).await,
            JobDisposition::Failed(Failure { reason, then, .. }) => match then {
                // A refused transaction can also mean that the job was cancelled.
                NextStep::Abandon => self.end(task, handler, End::Cancelled).await,
                NextStep::Retry(delay) if task.attempts < task.max_attempts => {
                    let delay = delay.map_or_else(|| BACKOFF.delay(task.attempts), with_jitter);
                    self.reschedule(task, delay, &reason).await
                }
                NextStep::Retry(_) | NextStep::MarkDead => {
                    tracing::error!(kind = task.kind, "a job is dead: {reason}");
                    self.end(task, handler, End::Dead { reason }).await
                }
            },
        }
    }

    async fn reschedule(&self, task: &Task, delay: Duration, reason: &str) -> Result<AttemptEnd, DbError> {
        tracing::warn!(kind = task.kind, ?delay, "a job is retried later: {reason}");
        let postponed = async |tx: &mut _| postpone(tx, &self.claimed, delay, reason).await;
        self.transactions.tx(&self.cx, "jobs.postpone", postponed).await?;
        Ok(AttemptEnd::Retried)
    }

    /// Ends the job and notifies the handler in one transaction.
    async fn end(
        &self,
        task: &Task,
        handler: Option<&dyn AnyHandler>,
        end: End,
    ) -> Result<AttemptEnd, DbError> {
        let counted = match &end {
            End::Dead { .. } => AttemptEnd::Dead,
            End::Cancelled => AttemptEnd::Cancelled,
        };
        self.transactions
            .tx(&self.cx, "jobs.end", async |tx| {
                let ended = match &end {
                    End::Dead { reason } => mark_dead(tx, &self.claimed, reason).await?,
                    End::Cancelled => cancel(tx, &self.claimed).await?,
                };
                match handler {
                    Some(handler) if ended => handler.ended(tx, task.payload.clone(), &end).await,
                    _ => Ok(()),
                }
            })
            .await?;
        Ok(counted)
    }
}
