//! Migrations outside of the tree.

use std::fs;

use diesel_migrations::FileBasedMigrations;
use rowhouse_migrator::{MigrateError, MigrateReport, Migrator, RolePasswords};
use rowhouse_testkit::TestDatabase;
use tempfile::TempDir;

/// A directory of migrations that follow the tree's.
pub(crate) struct Source(TempDir);

impl Source {
    /// Creates migrations from names and their `up.sql`.
    pub(crate) fn of(migrations: &[(&str, &str)]) -> Self {
        let source = Self(tempfile::tempdir().unwrap());
        for (name, up) in migrations {
            let directory = source.0.path().join(name);
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("up.sql"), up).unwrap();
            if up.contains("CONCURRENTLY") {
                fs::write(directory.join("metadata.toml"), "run_in_transaction = false\n").unwrap();
            }
        }
        source
    }

    pub(crate) fn migrations(&self) -> FileBasedMigrations {
        FileBasedMigrations::from_path(self.0.path()).unwrap()
    }

    /// Applies them, with changed settings.
    pub(crate) async fn run(
        &self,
        database: &TestDatabase,
        adapt: impl FnOnce(Migrator<'_, FileBasedMigrations>) -> Migrator<'_, FileBasedMigrations>,
    ) -> Result<MigrateReport, MigrateError> {
        let url = database.admin_url();
        let migrator = Migrator::new(&url, None).with_source(self.migrations());
        adapt(migrator).run(&RolePasswords::default()).await
    }
}
