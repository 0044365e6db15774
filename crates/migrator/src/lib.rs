//! From an empty PostgreSQL to one that the services can use: roles, the database's own grants, migrations.
//!
//! Everything can be repeated. Two at once wait for each other.

mod administrators;
mod connect;
mod database;
mod error;
mod exclusive;
mod migrations;
mod migrator;
mod role;
mod roles;
mod verifier;

use std::fmt;
use std::path::Path;

pub use connect::{connect, connect_diesel};
pub use database::{create_database, grant_database, quote_identifier};
pub use error::MigrateError;
pub use migrations::{FINGERPRINT, MigrationState, MigrationStatus, Status, Waiting};
pub use migrator::{MigrateReport, Migrator};
pub use role::Role;

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
    /// The one that a role is to have.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<&str> {
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

/// Brings the database that `admin_url` names up to date, as [`Migrator`] does when nothing else is said.
pub async fn migrate(
    admin_url: &str,
    ca_file: Option<&Path>,
    passwords: &RolePasswords,
) -> Result<MigrateReport, MigrateError> {
    Migrator::new(admin_url, ca_file).run(passwords).await
}
