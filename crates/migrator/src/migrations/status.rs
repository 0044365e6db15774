//! What of the schema is there.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use rowhouse_connection::SESSION;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::indexes::INVALID;
use super::{all, backfill_of};
use crate::MigrateError;
use crate::connect::address;

/// How a database stands to the migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// All of them in their order, and those that only the database knows.
    pub migrations: Vec<MigrationStatus>,
    /// Indexes that are being built, or that were left unfinished.
    pub invalid_indexes: Vec<String>,
}

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The directory's name; of a migration that only the database knows, the version.
    pub name: String,
    /// Whether it was run.
    pub state: MigrationState,
}

/// Whether a migration was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// It was, at this time, in UTC.
    Applied(String),
    /// It was, by a newer program than this one.
    Newer(String),
    /// The next `migrate` runs it.
    Pending,
    /// The next `migrate` runs it if this backfill has been through all tenants.
    AfterBackfill(String),
}

impl Status {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let applied = |migration: &MigrationStatus| {
            matches!(migration.state, MigrationState::Applied(_) | MigrationState::Newer(_))
        };
        self.migrations.iter().all(applied) && self.invalid_indexes.is_empty()
    }
}

/// Looks without changing or making anything.
pub(crate) async fn read<S>(
    admin_url: &str,
    ca_file: Option<&Path>,
    source: &S,
) -> Result<Status, MigrateError>
where
    S: MigrationSource<Pg>,
{
    // What is in the source isn't for other threads, so it is read before anything is waited for.
    let known: Vec<(String, String)> = all(source)?
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    let (mut applied, invalid_indexes) = match address(admin_url, ca_file)?.connect().await {
        Ok((client, driver)) => {
            tokio::spawn(driver.run());
            client.batch_execute(SESSION).await?;
            look(&client).await?
        }
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => Default::default(),
        Err(error) => return Err(error.into()),
    };
    let mut migrations: Vec<MigrationStatus> = known
        .into_iter()
        .map(|(version, name)| {
            let state = match (applied.remove(&version), backfill_of(&name)) {
                (Some(at), _) => MigrationState::Applied(at),
                (None, Some(backfill)) => MigrationState::AfterBackfill(backfill),
                (None, None) => MigrationState::Pending,
            };
            MigrationStatus { name, state }
        })
        .collect();
    let newer =
        applied.into_iter().map(|(name, at)| MigrationStatus { name, state: MigrationState::Newer(at) });
    migrations.extend(newer);
    Ok(Status { migrations, invalid_indexes })
}

/// When which version was run, and the invalid indexes.
async fn look(client: &Client) -> Result<(BTreeMap<String, String>, Vec<String>), MigrateError> {
    client.batch_execute("SET default_transaction_read_only = on").await?;
    let owner = client
        .query_opt(
            "SELECT FROM pg_catalog.pg_roles r
             WHERE r.rolname = 'rowhouse_owner' AND pg_catalog.pg_has_role(r.oid,
                 -- From 16 on a member need not be able to become what it is a member of.
                 CASE WHEN pg_catalog.current_setting('server_version_num')::integer >= 160000
                     THEN 'SET' ELSE 'MEMBER' END)",
            &[],
        )
        .await?;
    // The list is the owner's.
    if owner.is_some() {
        client.batch_execute("SET ROLE rowhouse_owner").await?;
    }
    let list = client
        .query_opt(
            "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'public' AND c.relname = '__diesel_schema_migrations'",
            &[],
        )
        .await?;
    let mut applied = BTreeMap::new();
    if list.is_some() {
        let rows = client
            .query(
                "SELECT m.version::text, pg_catalog.to_char(m.run_on, 'YYYY-MM-DD HH24:MI:SS')
                 FROM public.__diesel_schema_migrations m",
                &[],
            )
            .await?;
        for row in rows {
            applied.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    let mut indexes = Vec::new();
    for row in client.query(INVALID, &[]).await? {
        indexes.push(row.try_get("name")?);
    }
    Ok((applied, indexes))
}
