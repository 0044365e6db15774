//! Handlers of jobs, and their results.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rowhouse_tenancy::{DbError, TenantTx};
use serde_json::Value;

use crate::{Class, Failure, Job, Run};

/// Runs the jobs of one kind.
pub trait Handler<J: Job>: Send + Sync + 'static {
    /// Runs the job. An earlier attempt may have stopped at any point.
    ///
    /// Work that is committed by [`Run::complete`] is done once. If `Ok` is returned without it, the job is marked as
    /// succeeded after the return. A panic is a failure that is retried. The future is dropped when the job is
    /// cancelled or taken over by another worker, or when the service stops.
    fn run(&self, run: &Run, job: J) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Records in other tables that the job ended without success, in the transaction that ends it. An error delays
    /// the end.
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

/// The way in which a job ended without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It failed for good.
    Dead {
        /// The reason, as shown to the tenant's people.
        reason: String,
    },
    /// It was cancelled.
    Cancelled,
}

/// A handler behind the name of its kind.
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
            // serde quotes the unexpected value, which belongs in the log only.
            let job = serde_json::from_value(payload).map_err(|error| {
                tracing::error!(kind = J::KIND, %error, "a job cannot be read: {error}");
                Failure::retry("this version of the program cannot read its payload")
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
                // The payload cannot be read, so the handler cannot be notified.
                Err(_) => Ok(()),
            }
        }
        .boxed()
    }
}
