//! [`Failure`], the reason why a run failed, and what comes next.

use std::fmt;
use std::time::Duration;

use rowhouse_tenancy::DbError;

use crate::{EnqueueError, GlobalEnqueueError};

/// The reason why a run failed. Its text is shown to the tenant's people.
#[derive(Debug)]
pub struct Failure {
    pub(crate) reason: String,
    pub(crate) then: NextStep,
    /// True if a transaction failed because of contention. The same transaction may succeed if it is repeated.
    pub(crate) contended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Retry after the usual delay or after this one.
    Retry(Option<Duration>),
    /// Mark the job as dead.
    MarkDead,
    /// Do nothing: the job is not this worker's any more, or will be another's when its lease has expired.
    Abandon,
}

impl Failure {
    fn new(reason: impl fmt::Display, then: NextStep) -> Self {
        Self { reason: reason.to_string(), then, contended: false }
    }

    /// Creates a failure that is retried with an increasing delay.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self::new(reason, NextStep::Retry(None))
    }

    /// Creates a failure that is retried after at least this time.
    pub fn retry_after(reason: impl fmt::Display, delay: Duration) -> Self {
        Self::new(reason, NextStep::Retry(Some(delay)))
    }

    /// Creates a failure of a job that is not this worker's any more.
    pub(crate) fn abandoned(reason: impl fmt::Display) -> Self {
        Self::new(reason, NextStep::Abandon)
    }

    /// Creates a failure that is not retried.
    pub fn fatal(reason: impl fmt::Display) -> Self {
        Self::new(reason, NextStep::MarkDead)
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
            DbError::TenantSuspended | DbError::UnknownTenant => Self::abandoned(error),
            // Database errors are for the log and not for tenants.
            error => {
                tracing::warn!(%error, "a job's transaction failed: {error}");
                let contended = matches!(error, DbError::Contended(_));
                Self { contended, ..Self::retry("the transaction failed") }
            }
        }
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
