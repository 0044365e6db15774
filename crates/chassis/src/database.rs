//! A service's database at its start.

use rowhouse_tenancy::audit::{self, Scope, Violation};
use rowhouse_tenancy::{ConnectError, DbError, TenantDb};

use crate::config::{DatabaseArgs, Environment};

/// Why a service does not serve from its database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not answer.
    #[error("the database cannot be audited: {0}")]
    Audit(#[from] DbError),
    /// The server has a known hole in its row-level security, in production.
    #[error("{0}")]
    ServerVersion(String),
    /// The walls have holes.
    #[error("the database's walls have holes:{}", lines(.0))]
    Walls(Vec<Violation>),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().fold(String::new(), |lines, violation| format!("{lines}\n  {violation}"))
}

/// Connects, and audits the service's own `schema` as its own role: behind walls with a hole nothing is
/// served.
pub async fn open(
    args: &DatabaseArgs,
    environment: Environment,
    schema: &'static str,
) -> Result<TenantDb, DatabaseError> {
    let db = TenantDb::connect(&args.to_config()).await?;
    if let Some(warning) = audit::server_version_warning(db.server_version().await?) {
        if environment.is_production() {
            return Err(DatabaseError::ServerVersion(warning));
        }
        tracing::warn!("{warning}");
    }
    let violations = db.audit(&Scope::Schema(schema)).await?;
    if violations.is_empty() { Ok(db) } else { Err(DatabaseError::Walls(violations)) }
}
