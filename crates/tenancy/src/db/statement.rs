//! One statement of a transaction: its rows, and its span.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tracing::{Span, field};

type PgRow = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// The rows of a statement. An error among them is remembered, whatever the body makes of it.
pub struct Rows {
    pub(super) rows: BoxStream<'static, QueryResult<PgRow>>,
    pub(super) failed: Arc<AtomicBool>,
}

impl Stream for Rows {
    type Item = QueryResult<PgRow>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.rows.poll_next_unpin(cx);
        if let Poll::Ready(Some(Err(_))) = &next {
            self.failed.store(true, Ordering::Relaxed);
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
