//! The state of the database's availability, for the pool and the log.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as Turn;

/// The shortest interval between two replacements of all connections.
const RENEWAL: Duration = Duration::from_secs(1);
/// The interval at which the log repeats a reason that lasts.
const REPEAT: Duration = Duration::from_secs(60);

/// The availability of the database as far as a pool knows it. The reason for an outage is logged once, and again when it changes, at most
/// once in each [`REPEAT`].
pub(super) struct Availability {
    /// The latest failure to connect since the last success.
    failure: Mutex<Option<Failure>>,
    /// The time of the last replacement. Older connections are not used any more.
    renewed: Mutex<Instant>,
    /// Held by the one task that retries while there is no connection.
    pub(super) turn: Turn<()>,
    silent: AtomicBool,
    read_only: AtomicBool,
}

struct Failure {
    reason: String,
    /// The time at which the log said a reason, except that it had changed.
    said: Instant,
    /// True if the log has said since then that the reason changed. Reasons may alternate with each attempt.
    is_change_said: bool,
}

impl Failure {
    /// Returns the failure after this one, and whether the log says it.
    fn next(before: Option<&Self>, reason: String, now: Instant) -> (Self, bool) {
        match before {
            Some(Self { reason: of_before, said, is_change_said }) if now.duration_since(*said) < REPEAT => {
                let is_said = *of_before != reason && !is_change_said;
                (Self { reason, said: *said, is_change_said: *is_change_said || is_said }, is_said)
            }
            _ => (Self { reason, said: now, is_change_said: false }, true),
        }
    }
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
        let (next, is_said) = Failure::next(failure.as_ref(), reason, Instant::now());
        if is_said {
            let reason = &next.reason;
            tracing::warn!(reason, "no connection to the database: {reason}");
        }
        *failure = Some(next);
    }

    /// Returns whether the latest attempt to connect failed.
    pub(super) fn is_failing(&self) -> bool {
        locked(&self.failure).is_some()
    }

    /// Returns why no connection was available in time: the latest failure to connect, or else `what`.
    pub(super) fn reason(&self, what: &dyn Display) -> String {
        locked(&self.failure).as_ref().map_or_else(|| what.to_string(), |failure| failure.reason.clone())
    }

    /// Replaces all connections, since one of them turned out to be read-only or dead: the others may lead to the wrong server
    /// or to none.
    pub(super) fn renew(&self, what: &str) {
        let mut renewed = locked(&self.renewed);
        if renewed.elapsed() >= RENEWAL {
            tracing::warn!("a connection to the database {what}; all connections are replaced");
            *renewed = Instant::now();
        }
    }

    /// Returns whether a connection was made after the last replacement.
    pub(super) fn is_fresh(&self, made: Instant) -> bool {
        made >= *locked(&self.renewed)
    }

    /// Logs when the database stops or starts to answer.
    pub(super) fn answers(&self, answer: Result<(), &super::DbError>) {
        let silent = answer.is_err();
        match (self.silent.swap(silent, Ordering::Relaxed), answer) {
            (false, Err(error)) => tracing::warn!(%error, "the database does not answer: {error}"),
            (true, Ok(())) => tracing::info!("the database answers again"),
            _ => {}
        }
    }
}

/// Locks a mutex, also after a panic: the values are consistent between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the reasons that the log says, with the second. There is an attempt each second.
    fn said(reasons: impl Iterator<Item = &'static str>) -> Vec<(u64, &'static str)> {
        let (begun, mut last, mut said) = (Instant::now(), None, Vec::new());
        for (second, reason) in (0..).zip(reasons) {
            let now = begun + Duration::from_secs(second);
            let (next, is_said) = Failure::next(last.as_ref(), reason.to_owned(), now);
            if is_said {
                said.push((second, reason));
            }
            last = Some(next);
        }
        said
    }

    #[test]
    fn a_reason_is_said_once_a_minute_and_so_is_a_change() {
        let lasting = std::iter::repeat_n("refused", 61);
        assert_eq!(said(lasting), [(0, "refused"), (60, "refused")]);
        let changing = std::iter::repeat_n("refused", 30).chain(std::iter::repeat_n("timeout", 31));
        assert_eq!(said(changing), [(0, "refused"), (30, "timeout"), (60, "timeout")]);
        let alternating = ["refused", "timeout"].into_iter().cycle().take(122);
        assert_eq!(
            said(alternating),
            [
                (0, "refused"),
                (1, "timeout"),
                (60, "refused"),
                (61, "timeout"),
                (120, "refused"),
                (121, "timeout")
            ]
        );
    }
}
