//! What a service says of a kind of job.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rowhouse_tenancy::{DbError, TenantTx};
use serde_json::Value;

use crate::{Class, EnqueueError, GlobalEnqueueError, Job, LostLease, Run};

/// Does one kind of job.
pub trait Handler<J: Job>: Send + Sync + 'static {
    /// Does the job. It may have been begun before, and stopped anywhere.
    ///
    /// Work that is committed by [`Run::complete`] is done once. When `Ok` is returned without it, the job succeeds
    /// after the return. A panic is a failure of which another attempt may do better. The future is dropped when the job is
    /// cancelled, is another's, or the service stops.
    fn run(&self, run: &Run, job: J) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Says in other tables that the job has ended without success, in the transaction in which it does. An error puts
    /// the end off.
    fn ended(
        &self,
        tx: &mut TenantTx,
        job: J,
        end: &End,
    ) -> impl Future<Output = Result<(), DbError>> + Send {
        let _unused = (tx, job, end);
        std::future::ready(Ok(()))
    }
}

/// How a job ends that does not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was given up, for the reason.
    Dead {
        /// In words for the tenant's people.
        reason: String,
    },
    /// It was cancelled.
    Cancelled,
}

/// Why a run did not succeed. Its words are shown to the tenant's people.
#[derive(Debug)]
pub struct Failure {
    pub(crate) reason: String,
    pub(crate) then: Then,
    /// It is of a transaction that others were in the way of: the same one may succeed when it is made again.
    pub(crate) contended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Again, after the usual delay or this one.
    Retry(Option<Duration>),
    GiveUp,
    /// Nothing: the job is not ours any more, or will be somebody's when its lease is over.
    LetGo,
}

impl Failure {
    fn new(reason: impl fmt::Display, then: Then) -> Self {
        Self { reason: reason.to_string(), then, contended: false }
    }

    /// Another attempt may succeed; it is made after a delay that grows.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self::new(reason, Then::Retry(None))
    }

    /// Another attempt may succeed, and not before this time has passed.
    pub fn retry_after(reason: impl fmt::Display, delay: Duration) -> Self {
        Self::new(reason, Then::Retry(Some(delay)))
    }

    /// No other attempt will succeed.
    pub fn fatal(reason: impl fmt::Display) -> Self {
        Self::new(reason, Then::GiveUp)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        match error {
            // The job waits until the tenant is resumed.
            DbError::TenantSuspended | DbError::UnknownTenant => Self::new(error, Then::LetGo),
            // What a database says of itself is for the log, and not for tenants.
            error => {
                tracing::warn!(%error, "a job's transaction failed: {error}");
                let contended = matches!(error, DbError::Contended(_));
                Self { contended, ..Self::retry("the database did not do it") }
            }
        }
    }
}

impl From<LostLease> for Failure {
    fn from(lost: LostLease) -> Self {
        Self::new(lost, Then::LetGo)
    }
}

impl From<EnqueueError> for Failure {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Db(error) => error.into(),
            error @ EnqueueError::Json(_) => Self::fatal(error),
        }
    }
}

impl From<GlobalEnqueueError> for Failure {
    fn from(error: GlobalEnqueueError) -> Self {
        match error {
            GlobalEnqueueError::Db(error) => error.into(),
            error @ (GlobalEnqueueError::Json(_) | GlobalEnqueueError::Encryption(_)) => Self::fatal(error),
        }
    }
}

/// A handler whose kind is known by name.
pub(crate) trait AnyHandler: Send + Sync {
    fn class(&self) -> Class;
    fn run<'a>(&'a self, run: &'a Run, payload: Value) -> BoxFuture<'a, Result<(), Failure>>;
    fn ended<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        payload: Value,
        end: &'a End,
    ) -> BoxFuture<'a, Result<(), DbError>>;
}

pub(crate) struct Typed<J, H> {
    handler: H,
    job: std::marker::PhantomData<fn() -> J>,
}

impl<J: Job, H: Handler<J>> Typed<J, H> {
    pub(crate) const fn new(handler: H) -> Self {
        Self { handler, job: std::marker::PhantomData }
    }
}

impl<J: Job, H: Handler<J>> AnyHandler for Typed<J, H> {
    fn class(&self) -> Class {
        J::CLASS
    }

    fn run<'a>(&'a self, run: &'a Run, payload: Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            // serde quotes what it did not expect: that is for the log.
            let job = serde_json::from_value(payload).map_err(|error| {
                tracing::error!(kind = J::KIND, %error, "a job cannot be read: {error}");
                Failure::retry("this version of the program cannot read it")
            })?;
            self.handler.run(run, job).await
        }
        .boxed()
    }

    fn ended<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        payload: Value,
        end: &'a End,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        async move {
            match serde_json::from_value(payload) {
                Ok(job) => self.handler.ended(tx, job, end).await,
                // Nobody can say what it was about.
                Err(_) => Ok(()),
            }
        }
        .boxed()
    }
}
