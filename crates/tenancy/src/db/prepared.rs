//! Statements of raw SQL that a connection prepares once.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};

/// A statement of raw SQL, as `diesel::sql_query` makes them; rows are read by their columns' names.
///
/// `sql_query` prepares its statement anew each time, which is a round trip more, since its text may be another each time. This
/// text is a constant, so diesel keeps the statement that the connection has prepared.
pub const fn prepared(text: &'static str) -> Prepared<()> {
    Prepared { text, values: () }
}

/// See [`prepared`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a statement is run by `load`, `get_result`, `execute` and the like"]
pub struct Prepared<Values> {
    text: &'static str,
    values: Values,
}

/// The values of a [`Prepared`] statement: those before, and one more.
#[derive(Clone, Copy, Debug)]
pub struct Bound<Before, Value, Type> {
    before: Before,
    value: Value,
    of_type: PhantomData<fn() -> Type>,
}

impl<Values> Prepared<Values> {
    /// Gives the next placeholder its value, `$1` first.
    pub fn bind<Type, Value>(self, value: Value) -> Prepared<Bound<Values, Value, Type>> {
        let Self { text, values: before } = self;
        Prepared { text, values: Bound { before, value, of_type: PhantomData } }
    }
}

impl<Values: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<Values> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.text);
        self.values.walk_ast(out)
    }
}

impl<Before, Value, Type> QueryFragment<Pg> for Bound<Before, Value, Type>
where
    Before: QueryFragment<Pg>,
    Value: ToSql<Type, Pg>,
    Pg: HasSqlType<Type>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.before.walk_ast(out.reborrow())?;
        out.push_bind_param_value_only(&self.value)
    }
}

/// Its text tells it from others, and not its type.
impl<Values> QueryId for Prepared<Values> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Values> Query for Prepared<Values> {
    type SqlType = Untyped;
}
