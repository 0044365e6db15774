//! Running a migration, or another step that needs locks, with retries.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use diesel_migrations::MigrationHarness;
use rowhouse_connection::sqlstate;

use super::indexes::{self, Builder};
use super::lock_wait::IN_THE_QUEUE;
use super::{Connection, LockWait, backfill_of, refused};
use crate::MigrateError;

/// The result of a migration.
pub(super) enum MigrationOutcome {
    Done,
    /// Its check found rows that a backfill has not changed yet, with PostgreSQL's message.
    Unfilled(String),
}

/// The reason why a statement failed.
struct Failure {
    kind: FailureKind,
    message: String,
}

#[derive(Clone, Copy, PartialEq)]
enum FailureKind {
    /// It conflicted with other transactions.
    Blocked,
    /// A row violates a constraint.
    Unfilled,
    Other,
}

/// Attempts on one connection. diesel keeps only the message of a migration's error, so the connection reports the
/// last failure.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<Option<Failure>>>);

impl Attempts {
    /// Returns the instrumentation for the connection.
    pub(super) fn instrumentation(&self) -> impl Instrumentation {
        let last = Arc::clone(&self.0);
        move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Failure::of(error));
            }
        }
    }

    /// Applies a migration and records it. One outside of a transaction is a single statement that can be repeated
    /// after its remains are removed; `repaired` gets the names of those.
    pub(super) fn run(
        &self,
        conn: &mut Connection,
        migration: &dyn Migration<Pg>,
        wait: &mut LockWait,
        repaired: &mut Vec<String>,
    ) -> Result<MigrationOutcome, MigrateError> {
        let name = migration.name().to_string();
        let aside = !migration.metadata().run_in_transaction();
        let mut again = false;
        let ended = self.until_unlocked(conn, &name, aside, wait, |conn| {
            if aside && again {
                indexes::repair(conn, Builder::Migration, repaired)?;
            }
            again = true;
            conn.run_migration(migration).map(drop)
        });
        if aside && !matches!(ended, Ok(None)) {
            // An invalid index would cost every write, and refuse rows if it is unique. Removing it also waits for
            // locks, so it may be left to the next run.
            set_lock_timeout(conn, IN_THE_QUEUE)?;
            if let Err(error) = indexes::repair(conn, Builder::Migration, &mut Vec::new()) {
                tracing::warn!(%error, "an index is left unfinished, until the next migration");
            }
        }
        match ended? {
            None => Ok(MigrationOutcome::Done),
            Some(failure) if failure.kind == FailureKind::Unfilled && backfill_of(&name).is_some() => {
                Ok(MigrationOutcome::Unfilled(failure.message))
            }
            Some(failure) => Err(MigrateError::Migration { name, reason: failure.message }),
        }
    }

    /// See [`indexes::repair`].
    pub(super) fn repair(
        &self,
        conn: &mut Connection,
        builder: Builder,
        wait: &mut LockWait,
        repaired: &mut Vec<String>,
    ) -> Result<(), MigrateError> {
        let what = "repairing invalid indexes";
        match self
            .until_unlocked(conn, what, true, wait, |conn| Ok(indexes::repair(conn, builder, repaired)?))?
        {
            None => Ok(()),
            Some(failure) => Err(MigrateError::Migration { name: what.to_owned(), reason: failure.message }),
        }
    }

    /// Retries until the locks are available, and returns another failure, if there is one. `aside` is for statements
    /// behind which no reader or writer queues.
    fn until_unlocked(
        &self,
        conn: &mut Connection,
        what: &str,
        aside: bool,
        wait: &mut LockWait,
        mut run: impl FnMut(&mut Connection) -> Result<(), Box<dyn Error + Send + Sync>>,
    ) -> Result<Option<Failure>, MigrateError> {
        wait.begin();
        loop {
            set_lock_timeout(conn, if aside { wait.aside() } else { wait.in_the_queue() })?;
            self.take();
            let begun = Instant::now();
            let Err(error) = run(conn) else { return Ok(None) };
            let failure =
                self.take().unwrap_or(Failure { kind: FailureKind::Other, message: error.to_string() });
            if failure.kind != FailureKind::Blocked {
                return Ok(Some(failure));
            }
            if !wait.again(begun.elapsed(), what) {
                let seconds = wait.limit().as_secs();
                return Err(MigrateError::Locked { name: what.to_owned(), seconds, reason: failure.message });
            }
        }
    }

    fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn set_lock_timeout(conn: &mut Connection, timeout: Duration) -> Result<(), MigrateError> {
    conn.batch_execute(&format!("SET lock_timeout = '{}ms'", timeout.as_millis())).map_err(refused)
}

impl Failure {
    fn of(error: &DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = error else {
            return Self { kind: FailureKind::Other, message: error.to_string() };
        };
        let kind = match (kind, sqlstate(error)) {
            (DatabaseErrorKind::CheckViolation | DatabaseErrorKind::NotNullViolation, _) => {
                FailureKind::Unfilled
            }
            // lock_timeout, and a deadlock.
            (_, Some("55P03" | "40P01")) => FailureKind::Blocked,
            _ => FailureKind::Other,
        };
        Self { kind, message: words(&**information) }
    }
}

fn words(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> String {
    match information.hint() {
        Some(hint) => format!("{} ({hint})", information.message()),
        None => information.message().to_owned(),
    }
}
