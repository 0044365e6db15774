//! One statement of a transaction: its rows, and its span.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

use super::error::{READ_ONLY, is_of_the_connection};

type PgRow = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// What became of the statements of a transaction, as far as its body has looked.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// One has failed, or was dropped on its way.
    pub(super) failed: AtomicBool,
    /// The rows of one were not all read: an error may be among those that were not.
    pub(super) unread: AtomicBool,
    /// One has failed in a way that the next one over the same connection would, too.
    pub(super) useless: AtomicBool,
    /// One has failed because nothing can be written.
    pub(super) read_only: AtomicBool,
}

impl Fate {
    /// Takes note of a statement's failure.
    pub(super) fn note(&self, error: &Error) {
        self.failed.store(true, Ordering::Relaxed);
        let Some(code) = sqlstate(error) else { return };
        if is_of_the_connection(code) {
            self.useless.store(true, Ordering::Relaxed);
        }
        if code == READ_ONLY {
            self.read_only.store(true, Ordering::Relaxed);
        }
    }
}

/// The rows of a statement. An error among them is remembered, whatever the body makes of it.
pub struct Rows {
    stream: BoxStream<'static, QueryResult<PgRow>>,
    fate: Arc<Fate>,
    ended: bool,
}

impl Rows {
    pub(super) fn new(rows: BoxStream<'static, QueryResult<PgRow>>, fate: Arc<Fate>) -> Self {
        Self { stream: rows, fate, ended: false }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if !self.ended {
            self.fate.unread.store(true, Ordering::Relaxed);
        }
    }
}

impl Stream for Rows {
    type Item = QueryResult<PgRow>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.poll_next_unpin(cx);
        match &next {
            Poll::Ready(Some(Err(error))) => self.fate.note(error),
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        next
    }
}

/// A span for one statement: at debug level, so that it goes to traces and not into the log.
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

/// The statement's text with `$1` for its values, which may be secrets.
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
