//! The schema.

mod attempt;
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
use attempt::{Attempts, Outcome};
use indexes::Builder;
pub(super) use lock_wait::LockWait;
pub(super) use status::read as read_status;
pub use status::{MigrationState, MigrationStatus, Status};

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Tells one set of migrations from another.
pub const FINGERPRINT: &str = env!("ROWHOUSE_MIGRATIONS_FINGERPRINT");

/// What takes away what nobody uses any more has to wait until every row is as it should be.
const CONTRACT: &str = "_contract";

/// As the owner, with the list of migrations in the schema public whatever the administrator's search path.
///
/// Besides what every session sets. A statement whose client is gone ends soon, where the server can tell; what a migration
/// makes is made as it says, whatever the administrator's defaults for it.
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

/// What was done.
#[derive(Default)]
pub(super) struct Done {
    pub(super) applied: Vec<String>,
    pub(super) rebuilt_indexes: Vec<String>,
    pub(super) waiting: Option<Waiting>,
}

/// A contract migration that found rows which are not as they should be. It and those after it were not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The migration.
    pub migration: String,
    /// The backfill that it waits for.
    pub backfill: String,
    /// What PostgreSQL found.
    pub reason: String,
}

/// Runs what was not run before.
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
    // The harness blocks, which only a thread of its own may do whatever the runtime.
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
    let applied = conn.applied_migrations().map_err(|error| unreadable(&*error))?;
    pending.retain(|migration| !applied.contains(&migration.name().version()));

    let mut done = Done::default();
    // They are run in order, so an index that an interrupted run has left belongs to the first one.
    let builder = match pending.first() {
        Some(first) if !first.metadata().run_in_transaction() => Builder::Migration,
        _ => Builder::Here,
    };
    attempts.mend(conn, builder, &mut wait, &mut done.rebuilt_indexes)?;
    for migration in pending {
        let name = migration.name().to_string();
        match attempts.run(conn, &migration, &mut wait, &mut done.rebuilt_indexes)? {
            Outcome::Done => done.applied.push(name),
            Outcome::Unfilled(reason) => {
                let backfill = backfill_of(&name).unwrap_or_default();
                done.waiting = Some(Waiting { migration: name, backfill, reason });
                break;
            }
        }
    }
    Ok(done)
}

/// In order.
fn all<S: MigrationSource<Pg>>(source: &S) -> Result<Vec<Box<dyn Migration<Pg>>>, MigrateError> {
    let mut all = source.migrations().map_err(|error| unreadable(&*error))?;
    all.sort_unstable_by(|one, other| one.name().version().cmp(&other.name().version()));
    Ok(all)
}

/// What a contract migration waits for: `…_orders_priority_contract` is the last step after the backfill
/// `orders-priority`. None for any other migration.
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
