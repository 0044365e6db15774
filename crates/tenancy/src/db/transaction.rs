//! A transaction that opens itself with its first statement.
//!
//! Round trips are what row-level security costs; the policy itself is free. So `BEGIN` and the entry into
//! the tenant are not sent until the body sends its first statement, and then in the same flight.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManagerStatus};
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::{
    AnsiTransactionManager, AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use tracing::{Instrument, Span};

use super::availability::Availability;
use super::by_text::ByText;
use super::connect::Connector;
use super::share::{Party, Shared};
use super::statement::{Fate, Rows, record_statement, span_of, statement_span};
use crate::TenantId;

/// A transaction in one tenant, as [`TenantDb::tx`](crate::TenantDb::tx) hands it to its body.
pub type TenantTx = Tx<Tenant>;

/// A transaction in no tenant, as [`TenantDb::global_tx`](crate::TenantDb::global_tx) hands it to its body.
/// It sees the global tables and no tenant's row.
pub type GlobalTx = Tx<Global>;

/// What a transaction may see.
pub trait Scope: sealed::Sealed + sealed::Competes + Send {}

/// One tenant.
#[derive(Clone, Copy, Debug)]
pub struct Tenant(pub(super) TenantId);

/// No tenant.
#[derive(Clone, Copy, Debug)]
pub struct Global;

impl Scope for Tenant {}
impl Scope for Global {}

/// Either kind of transaction, for queries on the global tables.
pub trait Transaction: AsyncConnectionCore<Backend = Pg> + sealed::Sealed {}

impl<S: Scope> Transaction for Tx<S> {}

mod sealed {
    use super::Party;

    /// Whose share of the pool a transaction is counted against.
    pub trait Competes {
        fn party(&self) -> Party;
    }

    impl Competes for super::Tenant {
        fn party(&self) -> Party {
            Some(self.0)
        }
    }

    impl Competes for super::Global {
        fn party(&self) -> Party {
            None
        }
    }

    pub trait Sealed {}
    impl Sealed for super::Tenant {}
    impl Sealed for super::Global {}
    impl<S: super::Scope> Sealed for super::Tx<S> {}
}

/// A transaction. All of diesel's `load`, `first`, `execute` take it as their connection.
pub struct Tx<S: Scope> {
    conn: Shared,
    connector: Connector,
    availability: Arc<Availability>,
    scope: S,
    /// `BEGIN` and the entry into the tenant.
    opening: String,
    state: State,
    /// The pool has been told that the connection is in a transaction.
    marked: bool,
    /// After a statement that failed, the server answers COMMIT with ROLLBACK, and no error.
    fate: Arc<Fate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been sent.
    Unsent,
    /// The opening is on its way. A transaction that is found in this state was abandoned in the middle.
    Opening,
    Open,
    /// The opening failed, nobody knows where; the connection is of no use any more.
    Refused,
    Ended,
}

impl Tx<Tenant> {
    /// The tenant whose rows this transaction sees.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.scope.0
    }
}

impl<S: Scope> Tx<S> {
    pub(super) fn new(
        conn: Shared,
        connector: Connector,
        availability: Arc<Availability>,
        scope: S,
        opening: String,
    ) -> Self {
        let (state, fate) = (State::Unsent, Arc::default());
        Self { conn, connector, availability, scope, opening, state, marked: false, fate }
    }

    /// What the pool believes of the connection: one in a transaction is thrown away when it comes back, and
    /// not handed to the next.
    fn mark(&mut self, change: TransactionDepthChange) -> QueryResult<()> {
        match AnsiTransactionManager::transaction_manager_status_mut(&mut **self.conn) {
            TransactionManagerStatus::Valid(status) => status.change_transaction_depth(change),
            TransactionManagerStatus::InError => Err(Error::BrokenTransactionManager),
        }
    }

    /// Before anything is sent, so that whatever is dropped from now on, and wherever, the connection counts
    /// as one in a transaction.
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

    /// Runs one statement, joined with the opening if it is the first.
    fn run<'conn, R: Send + 'conn>(
        &'conn mut self,
        span: Span,
        statement: impl FnOnce(&'conn AsyncPgConnection) -> BoxFuture<'conn, QueryResult<R>>,
    ) -> BoxFuture<'conn, QueryResult<R>> {
        match self.state {
            State::Unsent => {
                if let Err(error) = self.mark_open() {
                    return std::future::ready(Err(error)).boxed();
                }
            }
            State::Open => {}
            State::Opening | State::Refused | State::Ended => {
                return std::future::ready(Err(Error::BrokenTransactionManager)).boxed();
            }
        }
        let Self { conn, opening, state, fate, .. } = self;
        let mut conn: &AsyncPgConnection = conn;
        let statement = statement(conn);
        async move {
            let result = if *state == State::Unsent {
                *state = State::Opening;
                // The order of `join` is the order on the wire: the opening has to be first.
                let (opened, result) = join(conn.batch_execute(opening), statement).await;
                if let Err(refusal) = opened {
                    // Until it is undone, the server takes no statement in it.
                    fate.note(&refusal);
                    *state = if is_refusal(&refusal) { State::Open } else { State::Refused };
                    return Err(refusal);
                }
                *state = State::Open;
                result
            } else {
                // A statement that is dropped on its way may fail on the server all the same, and nobody hears of it.
                let failed_before = fate.failed.swap(true, Ordering::Relaxed);
                let result = statement.await;
                fate.failed.store(failed_before, Ordering::Relaxed);
                result
            };
            if let Err(error) = &result {
                fate.note(error);
            }
            result
        }
        .instrument(span)
        .boxed()
    }

    /// A body that sent nothing has nothing to commit; at most it made a statement and dropped it unsent.
    fn end_unsent(&mut self) {
        self.state = State::Ended;
        if self.marked && self.mark_closed().is_err() {
            tracing::debug!("a connection that was never used is thrown away");
        }
    }

    /// Ends the transaction as the body's result asks for. What the body returned is lost if the commit
    /// fails.
    pub(super) async fn commit(&mut self) -> Result<(), super::DbError> {
        match self.state {
            State::Unsent => self.end_unsent(),
            State::Open if self.fate.failed.load(Ordering::Relaxed) => {
                self.rollback().await;
                return Err(super::DbError::SwallowedFailure);
            }
            State::Open if self.fate.unread.load(Ordering::Relaxed) => self.commit_unread().await?,
            State::Open => {
                self.conn.batch_execute("COMMIT").await?;
                self.mark_closed()?;
                self.state = State::Ended;
            }
            State::Opening | State::Refused | State::Ended => {
                return Err(super::DbError::SwallowedFailure);
            }
        }
        Ok(())
    }

    /// In an aborted transaction COMMIT is no error, but every other statement is: one before it, in the same flight, tells
    /// what the rows would have told that nobody has read.
    async fn commit_unread(&mut self) -> Result<(), super::DbError> {
        match self.conn.batch_execute("SELECT; COMMIT").await.map_err(super::DbError::from) {
            Ok(()) => {
                self.mark_closed()?;
                self.state = State::Ended;
                Ok(())
            }
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

    /// Undoes what was done. If that fails, or the connection can do no work, it stays marked and the pool throws it away.
    pub(super) async fn rollback(&mut self) {
        match self.state {
            State::Unsent => self.end_unsent(),
            // There is nothing to cancel, and nobody to ask for it.
            State::Open if self.fate.useless.load(Ordering::Relaxed) => self.state = State::Ended,
            State::Open => {
                if self.conn.batch_execute("ROLLBACK").await.is_ok() && self.mark_closed().is_ok() {
                    self.state = State::Ended;
                }
            }
            State::Opening | State::Refused | State::Ended => {}
        }
    }
}

/// Whether it is the tenant that was not entered, so that BEGIN has been done and ROLLBACK makes the connection good again. Else
/// who goes on calling for a suspended tenant, or with a revoked token, would cost everybody a connection each time.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.constraint_name().is_some())
}

impl<S: Scope> Drop for Tx<S> {
    /// An abandoned transaction (a caller who went away, a deadline) is not left running on the server.
    fn drop(&mut self) {
        if self.fate.read_only.load(Ordering::Relaxed) && !self.conn.is_read_only() {
            self.availability.renew("has become read-only");
        }
        let running = matches!(self.state, State::Opening | State::Open);
        if let (true, Ok(runtime)) = (running, tokio::runtime::Handle::try_current()) {
            let (connector, token) = (self.connector.clone(), self.conn.cancel_token());
            runtime.spawn(async move { connector.cancel(token).await });
        }
    }
}

impl<S: Scope> SimpleAsyncConnection for Tx<S> {
    async fn batch_execute(&mut self, statements: &str) -> QueryResult<()> {
        let span = statement_span();
        if !span.is_disabled() {
            record_statement(&span, statements);
        }
        let statements = statements.to_owned();
        self.run(span, |mut conn| async move { conn.batch_execute(&statements).await }.boxed()).await
    }
}

impl<S: Scope> AsyncConnectionCore for Tx<S> {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Rows>>;
    type Stream<'conn, 'query> = Rows;
    type Row<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Row<'conn, 'query>;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let query = source.as_query();
        let span = span_of(&query);
        let fate = Arc::clone(&self.fate);
        let kept = query.is_safe_to_cache_prepared(&Pg).unwrap_or(false);
        self.run(span, move |mut conn| {
            let loading = if kept {
                AsyncConnectionCore::load(&mut conn, query)
            } else {
                AsyncConnectionCore::load(&mut conn, ByText(query))
            };
            async move { Ok(Rows::new(loading.await?, fate)) }.boxed()
        })
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let span = span_of(&source);
        let kept = source.is_safe_to_cache_prepared(&Pg).unwrap_or(false);
        self.run(span, move |mut conn| {
            if kept {
                AsyncConnectionCore::execute_returning_count(&mut conn, source)
            } else {
                AsyncConnectionCore::execute_returning_count(&mut conn, ByText(source))
            }
        })
    }
}
