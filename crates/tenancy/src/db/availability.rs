//! Whether the database can be worked with, and why not.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as Turn;

/// How often all connections are made anew, at most.
const RENEWAL: Duration = Duration::from_secs(1);
/// How often the log repeats a reason that lasts.
const REPEAT: Duration = Duration::from_secs(60);

/// What a pool has learnt of its database. The log says why it is not available once, and again when the reason changes.
pub(super) struct Availability {
    /// Why there is no connection, since the last one was made.
    failure: Mutex<Option<Failure>>,
    /// Connections that are older are not to be used.
    renewed: Mutex<Instant>,
    /// While there is no connection, one task tries for all.
    pub(super) turn: Turn<()>,
    silent: AtomicBool,
    read_only: AtomicBool,
}

struct Failure {
    reason: String,
    said: Instant,
}

impl Availability {
    pub(super) fn new() -> Self {
        Self {
            failure: Mutex::new(None),
            renewed: Mutex::new(Instant::now()),
            turn: Turn::new(()),
            silent: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
        }
    }

    pub(super) fn connected(&self, read_only: bool) {
        if locked(&self.failure).take().is_some() {
            tracing::info!("the database can be reached again");
        }
        match (self.read_only.swap(read_only, Ordering::Relaxed), read_only) {
            (false, true) => {
                tracing::warn!("the database is read-only: nothing can be written until that ends");
            }
            (true, false) => tracing::info!("the database can be written to again"),
            _ => {}
        }
    }

    pub(super) fn failed(&self, reason: String) {
        let mut failure = locked(&self.failure);
        let said = match &*failure {
            Some(before) if before.reason == reason && before.said.elapsed() < REPEAT => before.said,
            _ => {
                tracing::warn!(reason, "no connection to the database: {reason}");
                Instant::now()
            }
        };
        *failure = Some(Failure { reason, said });
    }

    /// Why somebody got no connection in time: that none can be made, if that is so, or else `what` stood in the way.
    pub(super) fn reason(&self, what: &dyn Display) -> String {
        locked(&self.failure).as_ref().map_or_else(|| what.to_string(), |failure| failure.reason.clone())
    }

    /// All connections that are there may be to the wrong server, or to none: one of them has turned out to be read-only, or
    /// dead.
    pub(super) fn renew(&self, what: &str) {
        let mut renewed = locked(&self.renewed);
        if renewed.elapsed() >= RENEWAL {
            tracing::warn!("a connection to the database {what}; all are made anew");
            *renewed = Instant::now();
        }
    }

    /// Whether a connection was made after the last time that all were given up.
    pub(super) fn is_fresh(&self, made: Instant) -> bool {
        made >= *locked(&self.renewed)
    }

    /// Whether it answers, for the log.
    pub(super) fn answers(&self, answer: Result<(), &super::DbError>) {
        let silent = answer.is_err();
        match (self.silent.swap(silent, Ordering::Relaxed), answer) {
            (false, Err(error)) => tracing::warn!(%error, "the database does not answer: {error}"),
            (true, Ok(())) => tracing::info!("the database answers again"),
            _ => {}
        }
    }
}

/// What is inside is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
