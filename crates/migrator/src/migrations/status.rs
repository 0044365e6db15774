//! The state of a database's schema.

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

/// The state of a database's migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// All of them in order, including those that only the database knows.
    pub migrations: Vec<MigrationStatus>,
    /// The indexes that are being built, or that are incomplete.
    pub invalid_indexes: Vec<String>,
}

/// A migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The name of its directory, or the version if only the database knows it.
    pub name: String,
    /// The state.
    pub state: MigrationState,
}

/// The state of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// It was applied at this time, such as `2026-11-23T08:30:00Z`.
    Applied(String),
    /// It was applied by a newer program than this one.
    Newer(String),
    /// The next `migrate` applies it.
    Pending,
    /// The next `migrate` applies it if this backfill has processed all tenants.
    AfterBackfill(String),
}

impl Status {
    /// Returns whether there is nothing to do.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let applied = |migration: &MigrationStatus| {
            matches!(migration.state, MigrationState::Applied(_) | MigrationState::Newer(_))
        };
        self.migrations.iter().all(applied) && self.invalid_indexes.is_empty()
    }
}

/// Reads the state without changing anything.
pub(crate) async fn read<S>(
    admin_url: &str,
    ca_file: Option<&Path>,
    source: &S,
) -> Result<Status, MigrateError>
where
    S: MigrationSource<Pg>,
{
    // The source is not `Send`, so it is read before the first await.
    let known: Vec<(String, String)> = all(source)?
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    let (mut applied, invalid_indexes) = match address(admin_url, ca_file)?.connect().await {
        Ok((client, driver)) => {
            tokio::spawn(driver.run());
            client.batch_execute(SESSION).await?;
            read_status(&client).await?
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

/// Returns the applied versions with their times, and the invalid indexes.
async fn read_status(client: &Client) -> Result<(BTreeMap<String, String>, Vec<String>), MigrateError> {
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
    // The list belongs to the owner.
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
                "SELECT m.version::text, pg_catalog.to_char(m.run_on, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
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
