//! The version of the database's schema.

use diesel::QueryableByName;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;

/// The version of the database's schema. Versions are the digits of a migration's directory, such as `20261123000011`, and
/// sort as texts.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct SchemaVersion {
    /// The newest migration that was applied.
    #[diesel(sql_type = Text)]
    pub newest: String,
    /// The oldest version that the schema supports: programs whose newest migration is older cannot use it.
    #[diesel(sql_type = Text)]
    pub oldest_supported: String,
}

pub(super) async fn version(conn: &mut AsyncPgConnection) -> Result<Option<SchemaVersion>, DbError> {
    let known = sql::<Bool>("SELECT pg_catalog.to_regprocedure('tenancy.schema_version()') IS NOT NULL");
    if !known.get_result::<bool>(conn).await? {
        return Ok(None);
    }
    let version = diesel::sql_query("SELECT newest, oldest_supported FROM tenancy.schema_version()");
    Ok(Some(version.get_result(conn).await?))
}
