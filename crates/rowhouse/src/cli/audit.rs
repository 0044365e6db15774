//! `rowhouse audit`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rowhouse_tenancy::audit::{Scope, run as look};

use crate::bootstrap::{MigrateError, connect_diesel};

pub(super) const EXAMPLES: &str =
    "Prints a line for each violation: the rule, the object, the mend. Exits with 1 if there is any.

Examples:
  rowhouse audit --database-url postgres://admin:secret@db/rowhouse
  DATABASE_URL=postgres://admin:secret@db/rowhouse rowhouse audit";

#[derive(Args)]
pub(super) struct AuditArgs {
    /// URL of the database, for any role that can read its catalogue
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// PEM file with the authorities that may have signed the database's certificate
    #[arg(long, env = "ROWHOUSE_DATABASE_CA_FILE", value_name = "FILE")]
    database_ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum AuditError {
    #[error(transparent)]
    Connect(#[from] MigrateError),
    #[error("the database cannot be audited: {0}")]
    Query(#[from] diesel::result::Error),
    #[error("the violations cannot be printed: {0}")]
    Print(#[from] io::Error),
}

pub(super) async fn run(args: AuditArgs) -> Result<ExitCode, AuditError> {
    let mut conn = connect_diesel(&args.database_url, args.database_ca_file.as_deref()).await?;
    let violations = look(&mut conn, &Scope::All).await?;
    let mut out = io::stdout().lock();
    for violation in &violations {
        writeln!(out, "{violation}")?;
    }
    if violations.is_empty() {
        eprintln!("rowhouse: no violation found");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
