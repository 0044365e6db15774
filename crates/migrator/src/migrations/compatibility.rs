//! The check that a schema still supports the release whose migrations these are.

use diesel::dsl::sql;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::{CONTRACT, Connection, refused};
use crate::MigrateError;

/// Refuses a schema from which a newer release has removed what this one uses. A schema that is only newer is accepted: after a
/// roll-back there is nothing to do.
pub(super) fn check(conn: &mut Connection, known: &[Box<dyn Migration<Pg>>]) -> Result<(), MigrateError> {
    let expands = known.iter().filter(|migration| !migration.name().to_string().ends_with(CONTRACT));
    let newest = expands.map(|migration| migration.name().version().to_string()).max();
    match newest.zip(oldest_supported(conn).map_err(refused)?) {
        // All versions have the same number of digits, so they sort as texts.
        Some((newest, oldest_supported)) if newest < oldest_supported => {
            Err(MigrateError::TooNew { newest, oldest_supported })
        }
        _ => Ok(()),
    }
}

/// Returns the oldest version whose programs the schema supports, if it has been migrated.
fn oldest_supported(conn: &mut Connection) -> QueryResult<Option<String>> {
    let declared = sql::<Bool>("pg_catalog.to_regclass('tenancy.schema_compatibility') IS NOT NULL");
    if !diesel::select(declared).get_result(conn)? {
        return Ok(None);
    }
    let supported = sql::<Text>("SELECT oldest_supported FROM tenancy.schema_compatibility");
    supported.load(conn).map(|versions| versions.into_iter().next())
}
