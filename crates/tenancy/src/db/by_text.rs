//! [`ByText`], for statements that diesel would prepare again for every execution.

use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};

/// A statement whose prepared form is cached by its text.
///
/// diesel does not cache a prepared UPDATE, upsert or raw SQL, since it cannot know how many different texts there are. Preparing
/// them for each execution costs a round trip. A service has few such texts, except for an INSERT, whose text depends on the number of rows.
pub(super) struct ByText<Q>(pub(super) Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for ByText<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, backend: &Pg) -> QueryResult<bool> {
        let mut text = PgQueryBuilder::default();
        self.0.to_sql(&mut text, backend)?;
        let text = text.finish();
        Ok(!(text.starts_with("INSERT") && text.contains("), (")))
    }
}

impl<Q> QueryId for ByText<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for ByText<Q> {
    type SqlType = Q::SqlType;
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;

    diesel::table! { orders (id) { id -> Integer, note -> Text, } }

    fn is_kept(query: impl QueryFragment<Pg>) -> [bool; 2] {
        [query.is_safe_to_cache_prepared(&Pg).unwrap(), ByText(query).is_safe_to_cache_prepared(&Pg).unwrap()]
    }

    #[test]
    fn statements_with_few_texts_are_cached() {
        assert_eq!(is_kept(diesel::update(orders::table).set(orders::note.eq("a"))), [false, true]);
        assert_eq!(is_kept(diesel::sql_query("SELECT coalesce((1), (2))")), [false, true]);
        let row = |id: i32| (orders::id.eq(id), orders::note.eq("a"));
        let upsert = diesel::insert_into(orders::table)
            .values(row(1))
            .on_conflict(orders::id)
            .do_update()
            .set(orders::note.eq("b"));
        assert_eq!(is_kept(upsert), [false, true]);
        let many = diesel::insert_into(orders::table).values(vec![row(1), row(2)]);
        assert_eq!(is_kept(many), [false, false]);
    }
}
