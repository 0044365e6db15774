//! [`Migrator`], which brings a database up to date.

use std::path::Path;
use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_migrations::EmbeddedMigrations;

use super::migrations::{self, Done, LockWait, MIGRATIONS, Status, WaitingMigration};
use super::{
    MigrateError, RolePasswords, administrators, connect, connect_diesel, create_database, database,
    exclusive, grant_database, roles,
};

/// The longest wait: PostgreSQL counts milliseconds in 31 bits.
const LONGEST_WAIT: Duration = Duration::from_hours(24 * 24);

/// A setting of administrators from 16 on, which would make them members of every role that they create.
const NO_SELF_GRANT: &str = "
    SELECT pg_catalog.set_config(s.name, '', false) FROM pg_catalog.pg_settings s WHERE s.name = 'createrole_self_grant'";

/// The objects that a migration created, and the applied migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrateReport {
    /// The database, if it was created.
    pub created_database: Option<String>,
    /// The roles that were created.
    pub created_roles: Vec<&'static str>,
    /// The indexes that were rebuilt.
    pub rebuilt_indexes: Vec<String>,
    /// The migrations that were applied, in order.
    pub applied: Vec<String>,
    /// The contract migration that waits for its backfill.
    pub waiting: Option<WaitingMigration>,
}

/// Brings a database up to date.
#[derive(Clone)]
pub struct Migrator<'a, S = EmbeddedMigrations> {
    admin_url: &'a str,
    ca_file: Option<&'a Path>,
    lock_wait: Duration,
    notice: fn(&str),
    source: S,
}

impl<'a> Migrator<'a> {
    /// The default time to wait for locks.
    pub const LOCK_WAIT: Duration = Duration::from_mins(5);

    /// Creates a migrator for the database that `admin_url` names, with the migrations of this program. `ca_file` has
    /// the authorities for `sslmode=require`.
    ///
    /// The administrator is a superuser, or may create roles and owns the database, and becomes a member of
    /// `rowhouse_administrators`.
    #[must_use]
    pub fn new(admin_url: &'a str, ca_file: Option<&'a Path>) -> Self {
        let notice = |line: &str| tracing::info!("{line}");
        Self { admin_url, ca_file, lock_wait: Self::LOCK_WAIT, notice, source: MIGRATIONS }
    }
}

impl<'a, S> Migrator<'a, S>
where
    S: MigrationSource<Pg> + Send + 'static,
{
    /// Uses other migrations than this program's.
    #[must_use]
    pub fn with_source<T>(self, source: T) -> Migrator<'a, T> {
        let Self { admin_url, ca_file, lock_wait, notice, .. } = self;
        Migrator { admin_url, ca_file, lock_wait, notice, source }
    }

    /// Sets the time to wait for locks, and before that for another migration.
    #[must_use]
    pub fn with_lock_wait(self, lock_wait: Duration) -> Self {
        Self { lock_wait: lock_wait.min(LONGEST_WAIT), ..self }
    }

    /// Sets the function that is called with a message when the migrator waits.
    #[must_use]
    pub fn with_notice(self, notice: fn(&str)) -> Self {
        Self { notice, ..self }
    }

    /// Creates the database if it does not exist and the roles, and applies the pending migrations.
    pub async fn run(self, passwords: &RolePasswords) -> Result<MigrateReport, MigrateError> {
        let created_database = create_database(self.admin_url, self.ca_file).await?;
        let mut conn = connect_diesel(self.admin_url, self.ca_file).await?;
        exclusive::lock(&mut conn, self.lock_wait, self.notice).await?;
        let admin = connect(self.admin_url, self.ca_file).await?;
        let timeouts = format!(
            "SET statement_timeout = 0; SET lock_timeout = '{}ms'",
            self.lock_wait.as_millis().max(1)
        );
        admin.batch_execute(&timeouts).await?;
        admin.batch_execute(NO_SELF_GRANT).await?;
        let created_roles = roles::ensure(&admin, passwords).await?;
        administrators::check_inherits(&admin).await?;
        let database = database::current(&admin).await?;
        grant_database(&admin, &database).await?;
        database::close_public_schema(&admin).await?;
        drop(admin);
        let wait = LockWait::new(self.lock_wait, self.notice);
        // This consumes the session, which ends with the lock.
        let Done { applied, rebuilt_indexes, waiting } = migrations::run(conn, self.source, wait).await?;
        Ok(MigrateReport { created_database, created_roles, rebuilt_indexes, applied, waiting })
    }

    /// Returns what there is to do, without changing anything.
    pub async fn status(&self) -> Result<Status, MigrateError> {
        migrations::read_status(self.admin_url, self.ca_file, &self.source).await
    }
}
