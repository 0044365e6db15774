//! The command `rowhouse user`, which disables and enables people.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use rowhouse_text::EmailAddress;
use tokio_postgres::Transaction;

use rowhouse_migrator::{MigrateError, connect};

const EXAMPLES: &str = "A person who is disabled can log in nowhere, and all of their sessions end at once, in every company, as do
their API keys and the invitations that they have sent; enabling them again brings none of these back. What they did stays.

Examples:
  rowhouse user disable ada@example.com --database-url postgres://postgres:secret@db/rowhouse
  DATABASE_URL=postgres://postgres:secret@db/rowhouse rowhouse user enable ada@example.com";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Disable a person: end all of their sessions, API keys and invitations, and refuse logins
    Disable(OneUser),
    /// Enable a disabled person, who can log in again
    Enable(OneUser),
}

#[derive(Args)]
struct OneUser {
    /// The person's e-mail address
    email: String,
    /// URL of the database, for the role that migrates it
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// PEM file with the authorities that may have signed the database's certificate
    #[arg(long, env = "ROWHOUSE_DATABASE_CA_FILE", value_name = "FILE")]
    database_ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum UserError {
    #[error("nobody has the e-mail address {0}")]
    Unknown(String),
    #[error(transparent)]
    Connect(#[from] MigrateError),
    #[error("PostgreSQL refused: {0}")]
    Query(#[from] tokio_postgres::Error),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

pub(super) async fn run(args: UserArgs) -> Result<(), UserError> {
    let (user, disable) = match args.command {
        UserCommand::Disable(user) => (user, true),
        UserCommand::Enable(user) => (user, false),
    };
    // In the order in which auth looks them up. The table may contain addresses that auth would refuse now.
    let typed = user.email.trim().to_lowercase();
    let spellings = match user.email.parse::<EmailAddress>() {
        Ok(address) => address.spellings().to_vec(),
        Err(_) => vec![typed.clone()],
    };
    let mut admin = connect(&user.database_url, user.database_ca_file.as_deref()).await?;
    let tx = admin.transaction().await?;
    tx.batch_execute("SET LOCAL ROLE rowhouse_owner").await?;
    let disabled_at = if disable { "coalesce(disabled_at, now())" } else { "NULL" };
    let found = tx
        .query_opt(
            &format!(
                "UPDATE auth.identities SET disabled_at = {disabled_at}, updated_at = now()
                 WHERE auth.identities.id = (
                     SELECT i.id FROM auth.identities i WHERE i.email = ANY ($1)
                     ORDER BY array_position($1, i.email) LIMIT 1
                 )
                 RETURNING auth.identities.id::text, auth.identities.email"
            ),
            &[&spellings],
        )
        .await?;
    let Some(found) = found else { return Err(UserError::Unknown(typed)) };
    let email: String = found.try_get(1)?;
    let ended = if disable { Some(end_everywhere(&tx, found.try_get(0)?).await?) } else { None };
    tx.commit().await?;
    if let Some(EndedCounts { sessions, api_keys, invitations }) = ended {
        let ended = format!("ended {sessions} sessions, {api_keys} API keys and {invitations} invitations");
        writeln!(io::stderr().lock(), "{ended}")?;
    }
    let outcome = if disable { "disabled" } else { "enabled" };
    Ok(writeln!(io::stdout().lock(), "{outcome} {email}")?)
}

/// The numbers of a person's sessions, API keys and invitations that were ended, in all tenants together.
struct EndedCounts {
    sessions: i32,
    api_keys: i32,
    invitations: i32,
}

/// Ends a person's sessions, API keys and invitations in all tenants.
async fn end_everywhere(tx: &Transaction<'_>, id: &str) -> Result<EndedCounts, UserError> {
    let sessions = "SELECT auth.end_sessions_of($1::text::uuid, 'disabled', NULL)";
    let sessions = tx.query_one(sessions, &[&id]).await?.try_get(0)?;
    let grants = "SELECT api_keys, invitations FROM auth.revoke_grants_of($1::text::uuid)";
    let grants = tx.query_one(grants, &[&id]).await?;
    Ok(EndedCounts { sessions, api_keys: grants.try_get(0)?, invitations: grants.try_get(1)? })
}
