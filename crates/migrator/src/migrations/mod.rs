//! Applying the pending migrations, expand and contract ones.

mod attempt;
mod compatibility;
mod indexes;
mod lock_wait;
mod status;

use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::MigrateError;
use attempt::{Attempts, MigrationOutcome};
use indexes::Builder;
pub(super) use lock_wait::LockWait;
pub(super) use status::read as read_status;
pub use status::{MigrationState, MigrationStatus, Status};

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// A digest of the migrations.
pub const FINGERPRINT: &str = env!("ROWHOUSE_MIGRATIONS_FINGERPRINT");

/// The suffix of contract migrations, which wait until every row satisfies their constraints.
const CONTRACT: &str = "_contract";

/// The settings of the session besides the general ones: it works as the owner, with the list of migrations in the
/// schema public, whatever the administrator's search path. The server ends statements of lost clients, if it can
/// detect them, and the administrator's defaults do not affect new objects.
const SESSION: &str = "
    DO $$ BEGIN
        SET client_connection_check_interval = '500ms';
    EXCEPTION WHEN OTHERS THEN NULL;
    END $$;
    SET ROLE rowhouse_owner;
    SET search_path = public;
    SET check_function_bodies = on;
    SET default_table_access_method = 'heap';
    SET default_tablespace = '';
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
";

type Connection = AsyncConnectionWrapper<AsyncPgConnection>;

/// The result of applying the pending migrations.
#[derive(Default)]
pub(super) struct Done {
    pub(super) applied: Vec<String>,
    pub(super) rebuilt_indexes: Vec<String>,
    pub(super) waiting: Option<WaitingMigration>,
}

/// A contract migration that found rows without the required values. It and the ones after it were not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingMigration {
    /// The migration.
    pub migration: String,
    /// The backfill that it waits for.
    pub backfill: String,
    /// The message of PostgreSQL.
    pub reason: String,
}

/// Applies the pending migrations.
pub(super) async fn run<S>(
    mut conn: AsyncPgConnection,
    source: S,
    wait: LockWait,
) -> Result<Done, MigrateError>
where
    S: MigrationSource<Pg> + Send + 'static,
{
    let attempts = Attempts::default();
    conn.set_instrumentation(attempts.instrumentation());
    // The harness blocks, so it runs on a thread of its own.
    tokio::task::spawn_blocking(move || run_all(&mut conn.into(), &source, &attempts, wait)).await?
}

fn run_all<S: MigrationSource<Pg>>(
    conn: &mut Connection,
    source: &S,
    attempts: &Attempts,
    mut wait: LockWait,
) -> Result<Done, MigrateError> {
    conn.batch_execute(SESSION).map_err(refused)?;
    let mut pending = all(source)?;
    compatibility::check(conn, &pending)?;
    let applied = conn.applied_migrations().map_err(|error| unreadable(&*error))?;
    pending.retain(|migration| !applied.contains(&migration.name().version()));

    let mut done = Done::default();
    // They are applied in order, so an interrupted run's index belongs to the first one.
    let builder = match pending.first() {
        Some(first) if !first.metadata().run_in_transaction() => Builder::Migration,
        _ => Builder::Here,
    };
    attempts.repair(conn, builder, &mut wait, &mut done.rebuilt_indexes)?;
    for migration in pending {
        let name = migration.name().to_string();
        match attempts.run(conn, &migration, &mut wait, &mut done.rebuilt_indexes)? {
            MigrationOutcome::Done => done.applied.push(name),
            MigrationOutcome::Unfilled(reason) => {
                let backfill = backfill_of(&name).unwrap_or_default();
                done.waiting = Some(WaitingMigration { migration: name, backfill, reason });
                break;
            }
        }
    }
    Ok(done)
}

/// Returns the migrations in order.
fn all<S: MigrationSource<Pg>>(source: &S) -> Result<Vec<Box<dyn Migration<Pg>>>, MigrateError> {
    let mut all = source.migrations().map_err(|error| unreadable(&*error))?;
    all.sort_unstable_by(|one, other| one.name().version().cmp(&other.name().version()));
    Ok(all)
}

/// Returns the backfill that a contract migration waits for: `…_orders_priority_contract` follows the backfill
/// `orders-priority`. `None` for other migrations.
fn backfill_of(migration: &str) -> Option<String> {
    let (_, name) = migration.strip_suffix(CONTRACT)?.split_once('_')?;
    Some(name.replace('_', "-"))
}

fn unreadable(error: &(dyn Error + Send + Sync)) -> MigrateError {
    MigrateError::Migration { name: "their list".to_owned(), reason: error.to_string() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what errors are mapped with")]
fn refused(error: diesel::result::Error) -> MigrateError {
    MigrateError::Refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_migration_is_named_after_its_backfill() {
        let backfill = backfill_of("2026-11-23-000014_orders_priority_contract");
        assert_eq!(backfill.as_deref(), Some("orders-priority"));
        assert_eq!(backfill_of("2026-11-23-000012_orders_priority"), None);
    }
}
