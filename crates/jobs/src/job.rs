//! What is enqueued.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Class;

/// A kind of work, with what it needs to know. Its value is kept as JSON in the tenant's rows: put ids in it, and no
/// secrets.
///
/// A job outlives the version of the program that enqueued it: fields that are added have to have a `#[serde(default)]`.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind, unique in the service, such as `export.write`. Tenants see it.
    const KIND: &'static str;
    /// Whose workers do it.
    const CLASS: Class;
    /// How often it is begun before it is given up. With the delays between them, 20 attempts take about nine hours.
    const MAX_ATTEMPTS: i32 = 20;
    /// Whether the tenant's people may cancel it.
    const CANCELLABLE: bool = false;
}

/// A job's id: a UUID, version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(Uuid);

impl JobId {
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id as it is stored.
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

/// A job that is to be enqueued.
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
    /// A job that is done once, as soon as its transaction is committed.
    #[must_use]
    pub const fn new(job: J) -> Self {
        Self { job, unique_key: None, due: Due::Now, every: None, hurry: false }
    }

    /// While a job with this key (200 characters at most) is queued, no other is added. While one is running, it will be
    /// run once more, with the value that it has: what has changed since it began is not overlooked.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique_key = Some(key.into());
        self
    }

    /// Not before this time has passed.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.due = Due::After(delay);
        self
    }

    /// Not before this moment.
    #[must_use]
    pub const fn at(mut self, moment: DateTime<Utc>) -> Self {
        self.due = Due::At(moment);
        self
    }

    /// Again and again, first after `period` unless [`NewJob::after`] or [`NewJob::at`] says otherwise, and then so long
    /// after each run has ended. Whole seconds. A run that fails for good is left out; the next one comes all the same.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.every = Some(period);
        if matches!(self.due, Due::Now) {
            self.due = Due::After(period);
        }
        self
    }

    /// With [`NewJob::unique`]: one that waits to be tried again is tried at once.
    #[must_use]
    pub const fn hurry(mut self) -> Self {
        self.hurry = true;
        self
    }
}
