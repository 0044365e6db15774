//! The schema.

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
        AsyncMigrationHarness::new(conn)
            .run_pending_migrations(MIGRATIONS)
            .map(|applied| applied.iter().map(ToString::to_string).collect())
            .map_err(|error| MigrateError::Migration(error.to_string()))
    })
    .await?
}
