//! Preparing a PostgreSQL server for the services: roles, privileges on the database, migrations.
//!
//! Everything can be repeated. Two concurrent runs wait for each other.

mod administrators;
mod connect;
mod database;
mod error;
mod exclusive;
mod migrations;
mod migrator;
mod role_names;
mod roles;
mod verifier;

use std::fmt;
use std::path::Path;

use rowhouse_catalog::{PerService, ServiceName};

pub use connect::{connect, connect_diesel};
pub use database::{create_database, grant_database, quote_identifier};
pub use error::MigrateError;
pub use migrations::{FINGERPRINT, MigrationState, MigrationStatus, Status, WaitingMigration};
pub use migrator::{MigrateReport, Migrator};

/// The passwords of the services' roles. Absent ones are not changed.
#[derive(Clone, Default)]
pub struct RolePasswords(PerService<Option<String>>);

impl RolePasswords {
    /// The password of each service's role.
    #[must_use]
    pub const fn new(passwords: PerService<Option<String>>) -> Self {
        Self(passwords)
    }

    /// Returns the password of a service's role, if it is given.
    #[must_use]
    pub fn of(&self, service: ServiceName) -> Option<&str> {
        self.0[service].as_deref()
    }
}

impl fmt::Debug for RolePasswords {
    /// Shows which passwords are set, not the passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(ServiceName::ALL.iter().filter(|service| self.of(**service).is_some())).finish()
    }
}

/// Brings the database that `admin_url` names up to date, with the defaults of [`Migrator`].
pub async fn migrate(
    admin_url: &str,
    ca_file: Option<&Path>,
    passwords: &RolePasswords,
) -> Result<MigrateReport, MigrateError> {
    Migrator::new(admin_url, ca_file).run(passwords).await
}
