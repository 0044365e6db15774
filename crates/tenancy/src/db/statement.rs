//! The rows, failures and spans of a transaction's statements.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::Error;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use rowhouse_connection::sqlstate;
use tracing::{Span, field};

use super::error::{READ_ONLY, is_kernel_refusal, is_of_the_connection};

type PgRow = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// The failures of a transaction's statements, as far as its body has read the results.
#[derive(Debug, Default)]
pub(super) struct StatementLog {
    /// A statement failed, or was dropped before it ended.
    pub(super) failed: AtomicBool,
    /// Rows of a statement were not read; an error may be among them.
    pub(super) unread: AtomicBool,
    /// A statement failed for a reason that makes the connection unusable.
    pub(super) unusable: AtomicBool,
    /// A statement failed because the server is read-only.
    pub(super) read_only: AtomicBool,
    /// The first failure: the constraint by which the kernel refuses, or else the SQLSTATE.
    pub(super) failure: OnceLock<Arc<str>>,
    /// The times that the transaction waited for the server, if its statements were prepared before.
    pub(super) round_trips: AtomicU64,
    /// The rows that were read or changed.
    pub(super) rows: AtomicU64,
}

impl StatementLog {
    /// Records the failure of a statement.
    pub(super) fn record(&self, error: &Error) {
        self.failed.store(true, Ordering::Relaxed);
        self.failure.get_or_init(|| kind(error).into());
        let Some(code) = sqlstate(error) else { return };
        if is_of_the_connection(code) {
            self.unusable.store(true, Ordering::Relaxed);
        }
        if code == READ_ONLY {
            self.read_only.store(true, Ordering::Relaxed);
        }
    }
}

/// Returns the name of a failure, for metrics: there are as many as PostgreSQL has codes.
fn kind(error: &Error) -> &str {
    if let Error::DatabaseError(_, information) = error
        && let Some(refusal) = information.constraint_name().filter(|name| is_kernel_refusal(name))
    {
        return refusal;
    }
    sqlstate(error).unwrap_or("connection_lost")
}

/// The rows of a statement. An error among them is recorded even if the body ignores it.
pub struct Rows {
    stream: BoxStream<'static, QueryResult<PgRow>>,
    log: Arc<StatementLog>,
    ended: bool,
}

impl Rows {
    pub(super) fn new(rows: BoxStream<'static, QueryResult<PgRow>>, log: Arc<StatementLog>) -> Self {
        Self { stream: rows, log, ended: false }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if !self.ended {
            self.log.unread.store(true, Ordering::Relaxed);
        }
    }
}

impl Stream for Rows {
    type Item = QueryResult<PgRow>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.poll_next_unpin(cx);
        match &next {
            Poll::Ready(Some(Err(error))) => self.log.record(error),
            Poll::Ready(Some(Ok(_))) => drop(self.log.rows.fetch_add(1, Ordering::Relaxed)),
            Poll::Ready(None) => self.ended = true,
            Poll::Pending => {}
        }
        next
    }
}

/// Creates the span of a statement: at debug level, so that it appears in traces and not in the log.
pub(super) fn statement_span() -> Span {
    tracing::debug_span!(
        target: "rowhouse::sql",
        "sql",
        otel.name = field::Empty,
        otel.kind = "client",
        db.system.name = "postgresql",
        db.query.text = field::Empty,
    )
}

/// Creates the span of a query. Its text has `$1` in place of values, which may be secret.
pub(super) fn span_of(query: &impl QueryFragment<Pg>) -> Span {
    let span = statement_span();
    if !span.is_disabled() {
        let mut text = PgQueryBuilder::default();
        if query.to_sql(&mut text, &Pg).is_ok() {
            record_statement(&span, &text.finish());
        }
    }
    span
}

pub(super) fn record_statement(span: &Span, text: &str) {
    span.record("db.query.text", text);
    span.record("otel.name", text.split_whitespace().next().unwrap_or("sql"));
}
