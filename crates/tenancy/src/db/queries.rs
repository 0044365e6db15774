//! The traits by which diesel accepts a transaction as its connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryFutureExt, stream};

use super::by_text::ByText;
use super::prepared::StatementKey;
use super::scope::TransactionScope;
use super::statement::{Rows, record_statement, span_of, statement_span};
use super::transaction::Tx;

impl<S: TransactionScope> SimpleAsyncConnection for Tx<S> {
    async fn batch_execute(&mut self, statements: &str) -> QueryResult<()> {
        let span = statement_span();
        if !span.is_disabled() {
            record_statement(&span, statements);
        }
        let statements = statements.to_owned();
        self.run(span, None, |mut conn| async move { conn.batch_execute(&statements).await }.boxed()).await
    }
}

impl<S: TransactionScope> AsyncConnectionCore for Tx<S> {
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
        let log = Arc::clone(&self.log);
        let single_read = self.opening.single_read;
        let key = if single_read { StatementKey::of(&query) } else { None };
        self.run(span, key, move |mut conn| {
            let loading = if is_kept(&query) {
                AsyncConnectionCore::load(&mut conn, query)
            } else {
                AsyncConnectionCore::load(&mut conn, ByText(query))
            };
            async move {
                let mut rows = loading.await?;
                if single_read {
                    // The answer to COMMIT stands behind the rows, and is read after them.
                    rows = stream::iter(collect(rows).await).boxed();
                }
                Ok(Rows::new(rows, log))
            }
            .boxed()
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
        let log = Arc::clone(&self.log);
        self.run(span, None, move |mut conn| {
            let executing = if is_kept(&source) {
                AsyncConnectionCore::execute_returning_count(&mut conn, source)
            } else {
                AsyncConnectionCore::execute_returning_count(&mut conn, ByText(source))
            };
            executing
                .inspect_ok(move |changed| {
                    log.rows.fetch_add(u64::try_from(*changed).unwrap_or(u64::MAX), Ordering::Relaxed);
                })
                .boxed()
        })
    }
}

/// Returns the rows up to the first error. The driver's stream has no end after the loss of its connection: it returns one error after the
/// other.
async fn collect<R>(mut rows: BoxStream<'static, QueryResult<R>>) -> Vec<QueryResult<R>> {
    let mut collected = Vec::new();
    while let Some(row) = rows.next().await {
        let failed = row.is_err();
        collected.push(row);
        if failed {
            break;
        }
    }
    collected
}

/// Returns whether connections keep a statement prepared.
fn is_kept(query: &impl QueryFragment<Pg>) -> bool {
    query.is_safe_to_cache_prepared(&Pg).unwrap_or(false)
}
