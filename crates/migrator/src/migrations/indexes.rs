//! Invalid indexes, which an interrupted `CREATE INDEX CONCURRENTLY` leaves behind: they cost every write and serve
//! no query.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::Connection;

/// The invalid indexes on the system's tables. An index of a partitioned table is invalid until each partition has
/// one, and is left out. Names are quoted as SQL identifiers.
pub(super) const INVALID: &str = "
    SELECT format('%I.%I', n.nspname, c.relname) AS name, format('%I.%I', n.nspname, t.relname) AS on_table,
        -- Of an interrupted DROP INDEX or REINDEX.
        NOT i.indislive OR c.relname ~ '_cc(new|old)[0-9]*$' AS remains
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_'
        AND pg_catalog.pg_get_userbyid(t.relowner) = 'rowhouse_owner'
    ORDER BY 1";

#[derive(QueryableByName)]
struct Invalid {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    on_table: String,
    #[diesel(sql_type = Bool)]
    remains: bool,
}

/// The step that builds an invalid index again.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Builder {
    /// The next migration, which was interrupted.
    Migration,
    /// No migration, so the index is built here.
    Here,
}

/// Removes the remains and rebuilds the indexes that should exist, whose names are added to `repaired`. If it fails, it
/// can be repeated.
pub(super) fn repair(conn: &mut Connection, builder: Builder, repaired: &mut Vec<String>) -> QueryResult<()> {
    for found in invalid(conn)? {
        // A session that builds an index holds this lock, and until its end the index is invalid as well.
        conn.batch_execute(&format!(
            "DO $$ BEGIN LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE; END $$",
            found.on_table
        ))?;
        let Some(index) = invalid(conn)?.into_iter().find(|index| index.name == found.name) else { continue };
        if index.remains || builder == Builder::Migration {
            conn.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.name))?;
        } else {
            conn.batch_execute(&format!("REINDEX INDEX CONCURRENTLY {}", index.name))?;
        }
        if !index.remains && !repaired.contains(&index.name) {
            repaired.push(index.name);
        }
    }
    Ok(())
}

fn invalid(conn: &mut Connection) -> QueryResult<Vec<Invalid>> {
    diesel::sql_query(INVALID).load(conn)
}
