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
mod roles;
mod verifier;

use std::fmt;
use std::path::Path;

use rowhouse_catalog::{PerService, ServiceName};

pub use connect::{connect, connect_diesel};
pub use database::{create_database, grant_database, quote_identifier};
pub use error::MigrateError;
pub use migrations::{FINGERPRINT, MigrationState, MigrationStatus, Status, Waiting};
pub use migrator::{MigrateReport, Migrator};

/// The passwords that the services' roles are to have. What is absent stays as it is.
#[derive(Clone, Default)]
pub struct RolePasswords(PerService<Option<String>>);

impl RolePasswords {
    /// The password of each service's role.
    #[must_use]
    pub const fn new(passwords: PerService<Option<String>>) -> Self {
        Self(passwords)
    }

    /// The password of a service's role, if it is given.
    #[must_use]
    pub fn of(&self, service: ServiceName) -> Option<&str> {
        self.0[service].as_deref()
    }
}

impl fmt::Debug for RolePasswords {
    /// Which are given, not what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(ServiceName::ALL.iter().filter(|service| self.of(**service).is_some())).finish()
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
