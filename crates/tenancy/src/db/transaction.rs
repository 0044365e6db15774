//! A transaction that opens itself with its first statement.
//!
//! Row-level security costs round trips; the policy itself is nearly free. So `BEGIN` and the entry into
//! the tenant are sent together with the body's first statement, in one flight.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManagerStatus};
use diesel::pg::Pg;
use diesel::result::Error;
use diesel_async::{
    AnsiTransactionManager, AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use rowhouse_connection::sqlstate;
use tracing::{Instrument, Span};

use super::availability::Availability;
use super::connect::Connector;
use super::error::READ_ONLY;
use super::flight::{Ending, Flight, send_together};
use super::opening::Opening;
use super::prepared::StatementKey;
use super::scope::{Global, Tenant, TransactionScope};
use super::shared::Shared;
use super::statement::StatementLog;
use crate::TenantId;

/// A transaction in one tenant, as [`TenantDb::tx`](crate::TenantDb::tx) hands it to its body.
pub type TenantTx = Tx<Tenant>;

/// A transaction in no tenant, as [`TenantDb::global_tx`](crate::TenantDb::global_tx) hands it to its body.
/// It sees the global tables and no tenant's row.
pub type GlobalTx = Tx<Global>;

/// A transaction. diesel's `load`, `first`, `execute` and so on accept it as their connection.
pub struct Tx<S: TransactionScope> {
    conn: Shared,
    connector: Connector,
    availability: Arc<Availability>,
    scope: S,
    pub(super) opening: Opening,
    state: State,
    /// True while the connection is marked as being in a transaction, which the pool checks.
    marked: bool,
    /// The failures of the statements so far. After a failed statement, the server answers COMMIT with ROLLBACK and without an
    /// error.
    pub(super) log: Arc<StatementLog>,
}

/// Any kind of transaction, for queries on the global tables.
pub trait Transaction: AsyncConnectionCore<Backend = Pg> + sealed::Sealed {}

impl<S: TransactionScope> Transaction for Tx<S> {}

mod sealed {
    pub trait Sealed {}
    impl<S: super::TransactionScope> Sealed for super::Tx<S> {}
}

/// The error for a body that has more statements than it may have.
const SECOND_STATEMENT: &str = "a read has one statement: use `TenantDb::tx` for more";

/// The error for a body that writes and said that it reads.
const WRITES: &str = "a read writes: use `TenantDb::tx`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been sent.
    Unsent,
    /// The opening was sent. A transaction that is dropped in this state was abandoned.
    Opening,
    Open,
    /// COMMIT was sent with the statement, and the server has ended the transaction.
    Committed,
    /// The opening failed at an unknown point; the connection cannot be used any more.
    Refused,
    Ended,
}

impl Tx<Tenant> {
    /// Returns the tenant whose rows this transaction sees.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.scope.0
    }
}

impl<S: TransactionScope> Tx<S> {
    pub(super) fn new(
        conn: Shared,
        connector: Connector,
        availability: Arc<Availability>,
        scope: S,
        opening: Opening,
        log: Arc<StatementLog>,
    ) -> Self {
        let state = State::Unsent;
        Self { conn, connector, availability, scope, opening, state, marked: false, log }
    }

    /// Changes the transaction depth that the pool sees. The pool closes a connection that is returned in a transaction
    /// instead of reusing it.
    fn mark(&mut self, change: TransactionDepthChange) -> QueryResult<()> {
        match AnsiTransactionManager::transaction_manager_status_mut(&mut **self.conn) {
            TransactionManagerStatus::Valid(status) => status.change_transaction_depth(change),
            TransactionManagerStatus::InError => Err(Error::BrokenTransactionManager),
        }
    }

    /// Marks the connection as being in a transaction. This happens before anything is sent, so that the mark is there
    /// wherever a future is dropped.
    fn mark_open(&mut self) -> QueryResult<()> {
        if self.marked {
            return Ok(());
        }
        self.marked = true;
        self.mark(TransactionDepthChange::IncreaseDepth)
    }

    fn mark_closed(&mut self) -> QueryResult<()> {
        self.marked = false;
        self.mark(TransactionDepthChange::DecreaseDepth)
    }

    fn mark_ended(&mut self) -> QueryResult<()> {
        self.mark_closed()?;
        self.state = State::Ended;
        Ok(())
    }

    /// Runs a statement, together with the opening if it is the first.
    pub(super) fn run<'conn, R: Send + 'conn>(
        &'conn mut self,
        span: Span,
        key: Option<StatementKey>,
        statement: impl FnOnce(&'conn AsyncPgConnection) -> BoxFuture<'conn, QueryResult<R>>,
    ) -> BoxFuture<'conn, QueryResult<R>> {
        match self.state {
            State::Unsent => {
                if let Err(error) = self.mark_open() {
                    return std::future::ready(Err(error)).boxed();
                }
            }
            State::Open | State::Committed if self.opening.single_read => {
                let refused = Error::QueryBuilderError(SECOND_STATEMENT.into());
                self.log.record(&refused);
                return std::future::ready(Err(refused)).boxed();
            }
            State::Open => {}
            State::Opening | State::Committed | State::Refused | State::Ended => {
                return std::future::ready(Err(Error::BrokenTransactionManager)).boxed();
            }
        }
        let prepared = self.conn.prepared().clone();
        let server_is_read_only = self.conn.is_read_only();
        let Self { conn, opening, state, log, .. } = self;
        log.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut conn: &AsyncPgConnection = conn;
        let statement = statement(conn);
        async move {
            let result = if key.is_some_and(|key| prepared.has(key)) {
                *state = State::Opening;
                let mut last = conn;
                let flight = send_together(
                    conn.batch_execute(&opening.sql),
                    statement,
                    last.batch_execute("COMMIT"),
                    &prepared,
                )
                .await;
                let (ended, result) = outcome_of(flight);
                *state = ended;
                result
            } else if *state == State::Unsent {
                *state = State::Opening;
                // `join` polls in order, so the opening is sent first.
                let (opened, result) = join(conn.batch_execute(&opening.sql), statement).await;
                if let Err(refusal) = opened {
                    // The server refuses further statements until the rollback.
                    log.record(&refusal);
                    *state = if is_refusal(&refusal) { State::Open } else { State::Refused };
                    return Err(refusal);
                }
                *state = State::Open;
                if let (Some(key), Ok(_)) = (key, &result) {
                    prepared.add(key);
                }
                result
            } else {
                // A dropped statement may fail on the server without anybody noticing, so it counts as failed until it has ended.
                let failed_before = log.failed.swap(true, Ordering::Relaxed);
                let result = statement.await;
                log.failed.store(failed_before, Ordering::Relaxed);
                result
            };
            result.map_err(|error| {
                // The server is not read-only, the body is.
                let writes =
                    opening.single_read && sqlstate(&error) == Some(READ_ONLY) && !server_is_read_only;
                let error = if writes { Error::QueryBuilderError(WRITES.into()) } else { error };
                log.record(&error);
                error
            })
        }
        .instrument(span)
        .boxed()
    }

    /// Ends a transaction in which nothing was sent. At most, a statement was created and dropped unsent.
    fn end_unsent(&mut self) {
        self.state = State::Ended;
        if self.marked && self.mark_closed().is_err() {
            tracing::debug!("a connection that was never used is thrown away");
        }
    }

    /// Commits the transaction. Fails without committing if a statement failed and the body returned `Ok`.
    pub(super) async fn commit(&mut self) -> Result<(), super::DbError> {
        match self.state {
            State::Unsent => self.end_unsent(),
            State::Open | State::Committed if self.log.failed.load(Ordering::Relaxed) => {
                self.rollback().await;
                return Err(super::DbError::SwallowedFailure);
            }
            // An error among rows that were not read says nothing about those that were.
            State::Committed => self.mark_ended()?,
            State::Open if self.log.unread.load(Ordering::Relaxed) => self.commit_unread().await?,
            State::Open => {
                self.log.round_trips.fetch_add(1, Ordering::Relaxed);
                self.conn.batch_execute("COMMIT").await.inspect_err(|error| self.log.record(error))?;
                self.mark_ended()?;
            }
            State::Opening | State::Refused | State::Ended => {
                return Err(super::DbError::SwallowedFailure);
            }
        }
        Ok(())
    }

    /// Commits a transaction in which rows of a statement were not read. An error may be among those rows, and in an aborted
    /// transaction COMMIT is not an error but every other statement is, so a `SELECT` precedes it in the same flight.
    async fn commit_unread(&mut self) -> Result<(), super::DbError> {
        self.log.round_trips.fetch_add(1, Ordering::Relaxed);
        match self.conn.batch_execute("SELECT; COMMIT").await.map_err(super::DbError::from) {
            Ok(()) => Ok(self.mark_ended()?),
            Err(error) => {
                self.rollback().await;
                match error {
                    super::DbError::Query(_) if error.constraint().is_none() => {
                        Err(super::DbError::SwallowedFailure)
                    }
                    error => Err(error),
                }
            }
        }
    }

    /// Rolls the transaction back. If that fails, or the connection cannot be used any more, the mark stays and the pool closes it.
    pub(super) async fn rollback(&mut self) {
        match self.state {
            State::Unsent => self.end_unsent(),
            // No statement is running, and the connection cannot execute a ROLLBACK.
            State::Open if self.log.unusable.load(Ordering::Relaxed) => self.state = State::Ended,
            State::Open => {
                self.log.round_trips.fetch_add(1, Ordering::Relaxed);
                if self.conn.batch_execute("ROLLBACK").await.is_ok() && self.mark_ended().is_err() {
                    tracing::debug!("a connection is thrown away after a rollback");
                }
            }
            State::Committed => {
                if self.log.unusable.load(Ordering::Relaxed) || self.mark_ended().is_err() {
                    self.state = State::Ended;
                }
            }
            State::Opening | State::Refused | State::Ended => {}
        }
    }
}

/// Returns the state after a flight, and the result of its statement.
fn outcome_of<R>(Flight { opened, statement, ending }: Flight<R>) -> (State, QueryResult<R>) {
    match (opened, ending) {
        (_, Ending::Overtaken) => {
            tracing::error!(
                "a statement was sent after its COMMIT: its result and its connection are thrown away"
            );
            (State::Refused, Err(Error::BrokenTransactionManager))
        }
        (Err(refusal), Ending::Sent(Ok(()))) if is_refusal(&refusal) => (State::Committed, Err(refusal)),
        (Err(refusal), Ending::Unsent) if is_refusal(&refusal) => (State::Open, Err(refusal)),
        (Err(error), _) => (State::Refused, Err(error)),
        (Ok(()), Ending::Sent(Ok(()))) => (State::Committed, statement),
        (Ok(()), Ending::Sent(Err(error))) => (State::Refused, Err(statement.err().unwrap_or(error))),
        (Ok(()), Ending::Unsent) => (State::Open, statement),
    }
}

/// Returns whether the opening failed because the tenant may not be entered. Then BEGIN was executed and ROLLBACK makes the
/// connection usable again; otherwise each call for a suspended tenant or with a revoked token would cost a connection.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.constraint_name().is_some())
}

impl<S: TransactionScope> Drop for Tx<S> {
    /// Cancels the statement of an abandoned transaction (a deadline, a caller that disconnected) on the server.
    fn drop(&mut self) {
        if self.log.read_only.load(Ordering::Relaxed) && !self.conn.is_read_only() {
            self.availability.renew("has become read-only");
        }
        let running = matches!(self.state, State::Opening | State::Open);
        if let (true, Ok(runtime)) = (running, tokio::runtime::Handle::try_current()) {
            let (connector, token) = (self.connector.clone(), self.conn.cancel_token());
            runtime.spawn(async move { connector.cancel(token).await });
        }
    }
}
