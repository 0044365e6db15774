//! Opening a service's database.

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::audit::{self, AuditScope, Violation};
use rowhouse_tenancy::{ConnectError, DbError, SchemaVersion, TenantDb};

use crate::config::{DatabaseArgs, Environment};

/// The newest migration that this program was built with, contract migrations aside. The schema must have it. The
/// version is in digits, such as `20261123000011`.
pub const REQUIRED_SCHEMA: &str = env!("ROWHOUSE_REQUIRED_SCHEMA");

/// The reason why a service cannot use its database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database does not answer.
    #[error("the database cannot be audited: {0}")]
    Audit(#[from] DbError),
    /// The URL logs in as another role than this service's.
    #[error(
        "DATABASE_URL logs in as {found}, and this service works as {expected}: set DATABASE_URL (--database-url) to \
         a URL with the login of {expected}"
    )]
    OtherRole {
        /// The role of the URL.
        found: String,
        /// The role that it should name.
        expected: &'static str,
    },
    /// The server has a known vulnerability in row-level security, and this is production.
    #[error("{0}")]
    ServerVersion(String),
    /// The schema lacks migrations that this program needs.
    #[error(
        "the schema is too old ({}, and this program needs {REQUIRED_SCHEMA}): run `rowhouse migrate`",
        .found.as_deref().map_or_else(|| "it has no version".to_owned(), |found| format!("its version is {found}"))
    )]
    SchemaTooOld {
        /// The newest migration that was applied, or `None` if the schema is too old to report it.
        found: Option<String>,
    },
    /// A migration removed what this program uses.
    #[error(
        "this program is too old for the schema (it was built for version {REQUIRED_SCHEMA}): \
         deploy one that was built for version {oldest_supported} or newer"
    )]
    SchemaTooNew {
        /// The oldest version that the schema supports.
        oldest_supported: String,
    },
    /// The audit found violations of the isolation guarantees.
    #[error("the database violates the isolation guarantees:{}", lines(.0))]
    Violations(Vec<Violation>),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().fold(String::new(), |lines, violation| format!("{lines}\n  {violation}"))
}

/// Checks the configuration, and returns a database that is never connected to.
pub async fn check(args: &DatabaseArgs, environment: Environment) -> Result<TenantDb, DatabaseError> {
    Ok(TenantDb::unconnected(&args.to_config(environment)).await?)
}

/// Connects, checks that the role is the service's own and that program and schema are compatible, and audits the
/// service's schema. A violation is an error, so the service does not start.
pub async fn open(
    args: &DatabaseArgs,
    environment: Environment,
    service: ServiceName,
) -> Result<TenantDb, DatabaseError> {
    let db = TenantDb::connect(&args.to_config(environment)).await?;
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
    check_version(db.schema_version().await?)?;
    let violations = db.audit(&AuditScope::Schema(service.schema())).await?;
    if violations.is_empty() { Ok(db) } else { Err(DatabaseError::Violations(violations)) }
}

/// Connects with a service's login, and checks that program and schema are compatible.
pub async fn check_schema(args: &DatabaseArgs, environment: Environment) -> Result<(), DatabaseError> {
    let db = TenantDb::connect(&args.to_config(environment)).await?;
    check_version(db.schema_version().await?)
}

/// Checks the schema's version. A newer schema is accepted until it says otherwise: during a roll-out, the programs
/// of the release before continue, and may have to be restarted.
fn check_version(version: Option<SchemaVersion>) -> Result<(), DatabaseError> {
    let Some(SchemaVersion { newest, oldest_supported }) = version else {
        return Err(DatabaseError::SchemaTooOld { found: None });
    };
    // All versions have the same number of digits, so they sort as texts.
    if newest.as_str() < REQUIRED_SCHEMA {
        return Err(DatabaseError::SchemaTooOld { found: Some(newest) });
    }
    if REQUIRED_SCHEMA < oldest_supported.as_str() {
        return Err(DatabaseError::SchemaTooNew { oldest_supported });
    }
    Ok(())
}
