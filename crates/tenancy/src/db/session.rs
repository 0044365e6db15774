//! Session settings: those that each session sets, and those that no session can change.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_connection::SESSION;

use super::ConnectError;

/// The properties of a new connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionState {
    /// The server is a standby, or its default is read-only.
    pub(super) read_only: bool,
}

#[derive(QueryableByName)]
struct Facts {
    #[diesel(sql_type = Bool)]
    read_only: bool,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    login: String,
    #[diesel(sql_type = Text)]
    replication_role: String,
    #[diesel(sql_type = Text)]
    encoding: String,
}

const FACTS: &str = "
    SELECT pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool AS read_only,
        current_user::pg_catalog.text AS role,
        session_user::pg_catalog.text AS login,
        pg_catalog.current_setting('session_replication_role') AS replication_role,
        pg_catalog.current_setting('server_encoding') AS encoding";

/// Applies the session's settings. Fails if a setting that no session can change would make results wrong.
pub(super) async fn begin(conn: &mut AsyncPgConnection) -> Result<SessionState, ConnectError> {
    let refused = |error: diesel::result::Error| ConnectError::Refused(error.to_string());
    conn.batch_execute(SESSION).await.map_err(refused)?;
    let facts: Facts = diesel::sql_query(FACTS).get_result(conn).await.map_err(refused)?;
    match violation(&facts) {
        Some(violation) => Err(ConnectError::Setting(violation)),
        None => Ok(SessionState { read_only: facts.read_only }),
    }
}

fn violation(facts: &Facts) -> Option<String> {
    let Facts { role, login, replication_role, encoding, .. } = facts;
    if role != login {
        return Some(format!(
            "sessions of {login} begin as {role}: ALTER ROLE {login} RESET role, and the same IN DATABASE and for the database"
        ));
    }
    if replication_role != "origin" {
        return Some(format!(
            "session_replication_role is {replication_role}, which switches foreign keys and triggers off: RESET it for the \
             role and the database, and ALTER SYSTEM RESET session_replication_role"
        ));
    }
    (encoding != "UTF8").then(|| {
        format!(
            "the database's encoding is {encoding}: make it with ENCODING 'UTF8', as `rowhouse migrate` does"
        )
    })
}

/// Writes to the server's log, unless the connection is read-only, and returns whether it is. It takes one round trip, since the
/// statement is cached, which a raw SQL query would not be.
///
/// The write is a message that nobody reads, in the write-ahead log, flushed by the commit: it fails or waits for what a table's
/// row would fail or wait for (a standby, a full disk of the log, a missing synchronous standby), and leaves nothing to vacuum.
pub(super) async fn write(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    Write.get_result(conn).await
}

struct Write;

impl Query for Write {
    type SqlType = Bool;
}

impl QueryId for Write {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Write {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // The message's position is never null.
        out.push_sql(
            "SELECT CASE WHEN pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN true \
             ELSE pg_catalog.pg_logical_emit_message(true, 'rowhouse', ''::pg_catalog.text) IS NULL END",
        );
        Ok(())
    }
}

#[derive(QueryableByName)]
struct ReadOnly {
    #[diesel(sql_type = Bool)]
    standby: bool,
    #[diesel(sql_type = Text)]
    source: String,
}

/// Returns why the server is read-only, for the error at a service's start.
pub(super) async fn why_read_only(conn: &mut AsyncPgConnection) -> Result<String, ConnectError> {
    let query = diesel::sql_query(
        "SELECT pg_catalog.pg_is_in_recovery() AS standby, s.source FROM pg_catalog.pg_settings s
         WHERE s.name OPERATOR(pg_catalog.=) 'default_transaction_read_only'",
    );
    let found: ReadOnly =
        query.get_result(conn).await.map_err(|error| ConnectError::Refused(error.to_string()))?;
    if found.standby {
        return Ok("the server is a standby; name the primary in the URL, or promote this one".to_owned());
    }
    let remedy = match found.source.as_str() {
        "database" => "ALTER DATABASE … RESET default_transaction_read_only",
        "user" | "database user" => "ALTER ROLE … RESET default_transaction_read_only, also IN DATABASE",
        _ => {
            "ALTER SYSTEM RESET default_transaction_read_only and reload, or ask the provider why it was set"
        }
    };
    Ok(format!("default_transaction_read_only is on, from the {}: {remedy}", found.source))
}
