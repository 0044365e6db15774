//! From an empty PostgreSQL to one that the services can use: roles, the database's own grants, migrations.
//!
//! Everything can be repeated. Two at once wait for each other.

mod connect;
mod database;
mod error;
mod migrations;
mod role;
mod roles;
mod verifier;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

pub use connect::{connect, connect_diesel};
pub use database::{create_database, grant_database, quote_identifier};
pub use error::MigrateError;
pub use migrations::FINGERPRINT;
pub use role::Role;

/// How long one migration waits for another.
const PATIENCE: Duration = Duration::from_mins(1);

/// The passwords that the services' roles are to have. What is absent stays as it is.
#[derive(Clone, Default)]
pub struct RolePasswords {
    /// Of `rowhouse_auth`.
    pub auth: Option<String>,
    /// Of `rowhouse_onboarding`.
    pub onboarding: Option<String>,
    /// Of `rowhouse_orders`.
    pub orders: Option<String>,
}

impl RolePasswords {
    pub(crate) fn of(&self, role: Role) -> Option<&str> {
        match role {
            Role::Auth => self.auth.as_deref(),
            Role::Onboarding => self.onboarding.as_deref(),
            Role::Orders => self.orders.as_deref(),
        }
    }
}

impl fmt::Debug for RolePasswords {
    /// Which are given, not what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Role::ALL.iter().filter(|role| self.of(**role).is_some())).finish()
    }
}

/// What was missing and is there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrateReport {
    /// The database, if it was made.
    pub created_database: Option<String>,
    /// The roles that were made.
    pub created_roles: Vec<&'static str>,
    /// The migrations that were run, in this order.
    pub applied: Vec<String>,
}

/// Makes the database that `admin_url` names if there is none, the roles, and whatever of the schema is
/// missing. `ca_file` holds the authorities for `sslmode=require`.
///
/// The admin is a superuser, or may create roles and owns the database.
pub async fn migrate(
    admin_url: &str,
    ca_file: Option<&Path>,
    passwords: &RolePasswords,
) -> Result<MigrateReport, MigrateError> {
    let created_database = create_database(admin_url, ca_file).await?;
    let admin = connect(admin_url, ca_file).await?;
    wait_for_the_others(&admin).await?;
    let created_roles = roles::ensure(&admin, passwords).await?;
    let database = database::current(&admin).await?;
    grant_database(&admin, &database).await?;
    database::close_public_schema(&admin).await?;
    let applied = migrations::run(connect_diesel(admin_url, ca_file).await?).await?;
    // The session ends here, and with it the lock.
    drop(admin);
    Ok(MigrateReport { created_database, created_roles, applied })
}

/// Takes a lock that lasts as long as the session.
async fn wait_for_the_others(admin: &Client) -> Result<(), MigrateError> {
    let lock = format!(
        "SET statement_timeout = 0; SET lock_timeout = '{}s';
         SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('rowhouse migrate', 0))",
        PATIENCE.as_secs()
    );
    admin.batch_execute(&lock).await.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => MigrateError::Busy,
        _ => error.into(),
    })
}
