//! The command `rowhouse psql`, which opens the database in PostgreSQL's own client.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use rowhouse_connection::{Address, AddressError};
use rowhouse_operator::tenants::TenantError;
use rowhouse_postgres::Programs;

use super::database::DatabaseArgs;
use super::operator::{OperatorArgs, record_action};

pub(super) const EXAMPLES: &str = "Row-level security does not apply to a superuser, who sees the rows of all tenants. To see what a service sees, begin a
transaction with `SET LOCAL ROLE rowhouse_orders` and `SELECT tenancy.set_tenant_context('…')`.

The record of operators' actions says that you opened it, not what you did there.

Examples:
  rowhouse psql --reason 'slow queries of acme'
  rowhouse psql --data-dir /var/tmp/rowhouse -- -c 'SELECT count(*) FROM tenancy.tenants'";

#[derive(Args)]
pub(super) struct PsqlArgs {
    #[command(flatten)]
    operator: OperatorArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Directory of PostgreSQL's programs; without it, PATH and the usual places are searched
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
    #[error("psql is not opened, since the record of operators' actions cannot be written: {0}")]
    Record(#[from] TenantError),
    #[error(
        "psql cannot be run ({0}): install PostgreSQL's client, or set PG_BIN_DIR to the directory that holds psql"
    )]
    Run(#[source] io::Error),
}

/// Records that it is opened, and becomes psql, so it returns only if that fails.
pub(super) async fn run(args: PsqlArgs) -> Result<(), PsqlError> {
    let address = Address::parse(&args.database.url, args.database.ca_file())?;
    let owner = args.database.owner().await?;
    record_action(&owner, &args.operator.operator(), "database.psql", &serde_json::json!({})).await?;
    drop(owner);
    let mut psql = Command::new(program(args.pg_bin_dir));
    psql.envs(address.libpq_variables()).args(&args.arguments);
    Err(PsqlError::Run(psql.exec()))
}

/// Not every package of the server has the client, so PATH's serves where the server's directory has none.
fn program(bin_dir: Option<PathBuf>) -> PathBuf {
    let named = bin_dir.filter(|directory| !directory.as_os_str().is_empty());
    // A private server may be newer than the client on PATH.
    let beside = Programs::find(named.as_deref()).ok().map(|programs| programs.path("psql"));
    let named = named.map(|directory| directory.join("psql"));
    [named, beside].into_iter().flatten().find(|psql| psql.is_file()).unwrap_or_else(|| "psql".into())
}
