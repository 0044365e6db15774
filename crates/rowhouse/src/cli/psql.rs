//! The command `rowhouse psql`, which opens the database in PostgreSQL's own client.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use rowhouse_connection::{Address, AddressError};
use rowhouse_postgres::Programs;

use super::database::DatabaseArgs;

pub(super) const EXAMPLES: &str = "Row-level security does not apply to a superuser, who sees the rows of all tenants. To see what a service sees, enter a
transaction with `SET LOCAL ROLE rowhouse_orders` and `SELECT tenancy.set_tenant_context('…')`.

Examples:
  rowhouse psql
  rowhouse psql --data-dir /var/tmp/rowhouse -- -c 'SELECT count(*) FROM tenancy.tenants'";

#[derive(Args)]
pub(super) struct PsqlArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Directory of PostgreSQL's programs; without it PATH and the usual places are searched
    #[arg(long, env = "PG_BIN_DIR", value_name = "DIRECTORY")]
    pg_bin_dir: Option<PathBuf>,
    /// Further arguments of psql
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PsqlError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(
        "psql cannot be run ({0}): install PostgreSQL's client, or set PG_BIN_DIR to the directory that holds psql"
    )]
    Run(#[source] io::Error),
}

/// Becomes psql, so it returns only if that fails.
pub(super) fn run(args: &PsqlArgs) -> Result<(), PsqlError> {
    let address = Address::parse(&args.database.url, args.database.ca_file())?;
    let mut psql = Command::new(program(args.pg_bin_dir.clone()));
    psql.envs(address.libpq_variables()).args(&args.arguments);
    Err(PsqlError::Run(psql.exec()))
}

fn program(bin_dir: Option<PathBuf>) -> PathBuf {
    let beside = |programs: Programs| Some(programs.path("psql")).filter(|psql| psql.is_file());
    match bin_dir.filter(|directory| !directory.as_os_str().is_empty()) {
        Some(directory) => directory.join("psql"),
        // A private server may be newer than the client on PATH.
        None => Programs::find(None).ok().and_then(beside).unwrap_or_else(|| "psql".into()),
    }
}
