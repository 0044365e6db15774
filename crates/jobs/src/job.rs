//! Jobs, and how they are enqueued.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Class;

/// A kind of job with its payload. The payload is stored as JSON in the tenant's rows: put ids into it, and no
/// secrets.
///
/// A job can outlive the version of the program that enqueued it: added fields need a `#[serde(default)]`.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind, unique in the service, such as `export.write`. Tenants see it.
    const KIND: &'static str;
    /// The class, which determines the workers.
    const CLASS: Class;
    /// The largest number of attempts. With the delays between them, 20 attempts take about nine hours.
    const MAX_ATTEMPTS: i32 = 20;
    /// True if the tenant's people may cancel the job.
    const CANCELLABLE: bool = false;
}

/// A job's id: a UUID, version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(Uuid);

impl JobId {
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the id as a UUID, which is stored.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for JobId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job to be enqueued.
#[derive(Clone, Debug)]
pub struct NewJob<J> {
    pub(crate) job: J,
    pub(crate) unique_key: Option<String>,
    pub(crate) due: Due,
    pub(crate) every: Option<Duration>,
    pub(crate) hurry: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Now,
    After(Duration),
    At(DateTime<Utc>),
}

impl<J: Job> NewJob<J> {
    /// Creates a job that runs once, as soon as its transaction is committed.
    #[must_use]
    pub const fn new(job: J) -> Self {
        Self { job, unique_key: None, due: Due::Now, every: None, hurry: false }
    }

    /// Makes the job unique: while a job with this key (200 characters at most) is queued, no other is added. If one
    /// is running, it will run once more with its own payload, so that changes since it began are not overlooked.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique_key = Some(key.into());
        self
    }

    /// Delays the job by this time.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.due = Due::After(delay);
        self
    }

    /// Delays the job until this time.
    #[must_use]
    pub const fn at(mut self, moment: DateTime<Utc>) -> Self {
        self.due = Due::At(moment);
        self
    }

    /// Makes the job recurring: it first runs after `period`, unless [`NewJob::after`] or [`NewJob::at`] says
    /// otherwise, and then that long after each run has ended. Whole seconds. A run that fails for good is skipped;
    /// the next one takes place.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.every = Some(period);
        if matches!(self.due, Due::Now) {
            self.due = Due::After(period);
        }
        self
    }

    /// Together with [`NewJob::unique`]: makes a job that waits for a retry due at once.
    #[must_use]
    pub const fn retry_now(mut self) -> Self {
        self.hurry = true;
        self
    }
}
