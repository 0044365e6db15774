//! A service's database at its start.

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::audit::{self, Scope, Violation};
use rowhouse_tenancy::{ConnectError, DbError, SchemaVersion, TenantDb};

use crate::config::{DatabaseArgs, Environment};

/// The newest migration that this program was built with, contract migrations aside: how far the schema has to be
/// for it. In digits, such as `20261123000011`.
pub const REQUIRED_SCHEMA: &str = env!("ROWHOUSE_REQUIRED_SCHEMA");

/// Why a service does not serve from its database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not answer.
    #[error("the database cannot be audited: {0}")]
    Audit(#[from] DbError),
    /// The URL names a role that is not this service's.
    #[error(
        "DATABASE_URL logs in as {found}, and this service works as {expected}: set DATABASE_URL (--database-url) to \
         a URL with the login of {expected}"
    )]
    OtherRole {
        /// Whose the login is.
        found: String,
        /// Whose it should be.
        expected: &'static str,
    },
    /// The server has a known hole in its row-level security, in production.
    #[error("{0}")]
    ServerVersion(String),
    /// Migrations that this program needs have not been run.
    #[error(
        "the schema is too old ({}, and this program needs {REQUIRED_SCHEMA}): run `rowhouse migrate`",
        .found.as_deref().map_or_else(|| "it has no version".to_owned(), |found| format!("its version is {found}"))
    )]
    SchemaTooOld {
        /// The newest migration that was run; none when the schema is too old to say it.
        found: Option<String>,
    },
    /// A migration took away what this program uses.
    #[error(
        "this program is too old for the schema (it was built for version {REQUIRED_SCHEMA}): \
         deploy one that was built for version {oldest_supported} or newer"
    )]
    SchemaTooNew {
        /// The oldest version that the schema serves.
        oldest_supported: String,
    },
    /// The walls have holes.
    #[error("the database's walls have holes:{}", lines(.0))]
    Walls(Vec<Violation>),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().fold(String::new(), |lines, violation| format!("{lines}\n  {violation}"))
}

/// Connects, looks whether the role is the service's own, and program and schema go together, and audits the service's
/// schema: behind walls with a hole nothing is served.
pub async fn open(
    args: &DatabaseArgs,
    environment: Environment,
    service: ServiceName,
) -> Result<TenantDb, DatabaseError> {
    let db = TenantDb::connect(&args.to_config()).await?;
    let (found, expected) = (db.role().await?, service.role());
    if found != expected {
        return Err(DatabaseError::OtherRole { found, expected });
    }
    if let Some(warning) = audit::server_version_warning(db.server_version().await?) {
        if environment.is_production() {
            return Err(DatabaseError::ServerVersion(warning));
        }
        tracing::warn!("{warning}");
    }
    check_schema(db.schema_version().await?)?;
    let violations = db.audit(&Scope::Schema(service.schema())).await?;
    if violations.is_empty() { Ok(db) } else { Err(DatabaseError::Walls(violations)) }
}

/// A schema that is newer than the program serves it all the same, until it says otherwise: while a release is
/// rolled out, the programs of the one before go on, and may have to be started again.
fn check_schema(version: Option<SchemaVersion>) -> Result<(), DatabaseError> {
    let Some(SchemaVersion { newest, oldest_supported }) = version else {
        return Err(DatabaseError::SchemaTooOld { found: None });
    };
    // Digits of the same number, so they are in order as texts.
    if newest.as_str() < REQUIRED_SCHEMA {
        return Err(DatabaseError::SchemaTooOld { found: Some(newest) });
    }
    if REQUIRED_SCHEMA < oldest_supported.as_str() {
        return Err(DatabaseError::SchemaTooNew { oldest_supported });
    }
    Ok(())
}
