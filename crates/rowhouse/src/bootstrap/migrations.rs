//! The schema.

use std::error::Error;

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::MigrateError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Tells one set of migrations from another.
pub const FINGERPRINT: &str = env!("ROWHOUSE_MIGRATIONS_FINGERPRINT");

/// As the owner, with the list of migrations in the schema public whatever the administrator's search path. A
/// migration that waited long for a lock would keep everybody else waiting behind it.
const SESSION: &str = "
    SET ROLE rowhouse_owner;
    SET search_path = public;
    SET statement_timeout = 0;
    SET lock_timeout = '10s';
";

/// Runs what was not run before; its names.
pub(super) async fn run(mut conn: AsyncPgConnection) -> Result<Vec<String>, MigrateError> {
    conn.batch_execute(SESSION).await.map_err(|error| MigrateError::Refused(error.to_string()))?;
    // The harness blocks, which only a thread of its own may do whatever the runtime.
    tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(conn);
        let failed = |name: &str, reason: Box<dyn Error + Send + Sync>| MigrateError::Migration {
            name: name.to_owned(),
            reason: reason.to_string(),
        };
        let pending = harness.pending_migrations(MIGRATIONS).map_err(|error| failed("their list", error))?;
        let mut applied = Vec::new();
        for migration in pending {
            let name = migration.name().to_string();
            harness.run_migration(&migration).map_err(|error| failed(&name, error))?;
            applied.push(name);
        }
        Ok(applied)
    })
    .await?
}
