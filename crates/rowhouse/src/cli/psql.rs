//! The command `rowhouse psql`, which opens the database in PostgreSQL's own client.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use rowhouse_postgres::Programs;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

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
    #[error("the database URL is invalid: {0}")]
    Url(#[source] tokio_postgres::Error),
    #[error(
        "psql cannot be run ({0}): install PostgreSQL's client, or set PG_BIN_DIR to the directory that holds psql"
    )]
    Run(#[source] io::Error),
}

/// Becomes psql, so it returns only if that fails.
pub(super) fn run(args: &PsqlArgs) -> Result<(), PsqlError> {
    let config: Config = args.database.url.parse().map_err(PsqlError::Url)?;
    let mut psql = Command::new(program(args.pg_bin_dir.clone()));
    psql.envs(environment(&config)).args(&args.arguments);
    if let Some(authorities) = args.database.ca_file() {
        psql.env("PGSSLROOTCERT", authorities);
    }
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

/// Returns the connection as variables: other users of the machine see a program's arguments, but not its environment.
fn environment(config: &Config) -> Vec<(&'static str, String)> {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(directory) => directory.display().to_string(),
    });
    let ports = config.get_ports().iter().map(ToString::to_string);
    let text = |text: Option<&str>| text.map(str::to_owned);
    let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    // As Rowhouse itself connects: encrypted means that the certificate is verified.
    let tls = match config.get_ssl_mode() {
        SslMode::Require => "verify-full",
        SslMode::Disable => "disable",
        _ => "prefer",
    };
    let variables = [
        ("PGHOST", Some(hosts.collect::<Vec<_>>().join(","))),
        ("PGPORT", Some(ports.collect::<Vec<_>>().join(","))),
        ("PGUSER", text(config.get_user())),
        ("PGPASSWORD", password),
        ("PGDATABASE", text(config.get_dbname())),
        ("PGOPTIONS", text(config.get_options())),
        ("PGSSLMODE", Some(tls.to_owned())),
    ];
    let given = variables.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.filter(|(_, value)| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Vec<(&'static str, String)> {
        environment(&url.parse().unwrap())
    }

    #[test]
    fn the_url_becomes_variables() {
        let variables = of("postgres://ada:a%40b@one:1,two:2/rowhouse?sslmode=require");
        for (name, value) in [
            ("PGHOST", "one,two"),
            ("PGPORT", "1,2"),
            ("PGUSER", "ada"),
            ("PGPASSWORD", "a@b"),
            ("PGDATABASE", "rowhouse"),
            ("PGSSLMODE", "verify-full"),
        ] {
            assert!(variables.contains(&(name, value.to_owned())), "{name}: {variables:?}");
        }
        let socket = of("host=/run/postgresql dbname=x");
        assert!(socket.contains(&("PGHOST", "/run/postgresql".to_owned())), "{socket:?}");
        assert!(!socket.iter().any(|(name, _)| *name == "PGPASSWORD"), "{socket:?}");
    }
}
