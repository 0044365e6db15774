//! `rowhouse migrate`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use tokio_postgres::Config;

use crate::bootstrap::{self, MigrateError, MigrateReport, Role, RolePasswords};

pub(super) const EXAMPLES: &str = "Makes the database if there is none, the roles, their grants and the schema. Repeating it changes nothing.
The services' URLs are only read for the passwords in them, which their roles get.

Examples:
  rowhouse migrate --database-url postgres://postgres:secret@db/rowhouse
  rowhouse migrate --database-url postgres://postgres:secret@db/rowhouse \\
      --orders-database-url postgres://rowhouse_orders:another-secret@db/rowhouse";

#[derive(Args)]
pub(super) struct MigrateArgs {
    /// URL of the database, for a role that may create roles and owns the database, or a superuser
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// PEM file with the authorities that may have signed the database's certificate
    #[arg(long, env = "ROWHOUSE_DATABASE_CA_FILE", value_name = "FILE")]
    database_ca_file: Option<PathBuf>,
    /// The auth service's URL of the database
    #[arg(long, env = "ROWHOUSE_AUTH_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    auth_database_url: Option<String>,
    /// The onboarding service's URL of the database
    #[arg(long, env = "ROWHOUSE_ONBOARDING_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    onboarding_database_url: Option<String>,
    /// The orders service's URL of the database
    #[arg(long, env = "ROWHOUSE_ORDERS_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    orders_database_url: Option<String>,
}

pub(super) async fn run(args: MigrateArgs) -> Result<(), MigrateError> {
    let passwords = RolePasswords {
        auth: password(args.auth_database_url.as_deref(), "--auth-database-url", Role::Auth)?,
        onboarding: password(
            args.onboarding_database_url.as_deref(),
            "--onboarding-database-url",
            Role::Onboarding,
        )?,
        orders: password(args.orders_database_url.as_deref(), "--orders-database-url", Role::Orders)?,
    };
    let report = bootstrap::migrate(&args.database_url, args.database_ca_file.as_deref(), &passwords).await?;
    if let Err(error) = print(&report, &passwords) {
        eprintln!("rowhouse: {error}");
    }
    Ok(())
}

fn password(url: Option<&str>, argument: &'static str, role: Role) -> Result<Option<String>, MigrateError> {
    let Some(url) = url else { return Ok(None) };
    let config: Config = url.parse().map_err(MigrateError::Url)?;
    if config.get_user() != Some(role.name()) {
        let found = config.get_user().unwrap_or("nobody").to_owned();
        return Err(MigrateError::OtherRole { argument, expected: role.name(), found });
    }
    Ok(config.get_password().map(|password| String::from_utf8_lossy(password).into_owned()))
}

fn print(report: &MigrateReport, passwords: &RolePasswords) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(name) = &report.created_database {
        writeln!(out, "made the database {name}")?;
    }
    for name in &report.created_roles {
        let login = Role::ALL.into_iter().find(|role| role.name() == *name);
        let note = match login {
            Some(role) if passwords.of(role).is_none() => ", which has no password yet",
            _ => "",
        };
        writeln!(out, "made the role {name}{note}")?;
    }
    for migration in &report.applied {
        writeln!(out, "ran the migration {migration}")?;
    }
    if *report == MigrateReport::default() {
        writeln!(out, "everything was up to date")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_taken_out_of_the_right_urls() {
        let of = |url| password(Some(url), "--orders-database-url", Role::Orders);
        let taken = of("postgres://rowhouse_orders:a%40b@db/rowhouse?sslmode=require").unwrap();
        assert_eq!(taken.as_deref(), Some("a@b"));
        assert_eq!(of("postgres://rowhouse_orders@db/rowhouse").unwrap(), None);
        let error = of("postgres://rowhouse_auth:x@db/rowhouse").unwrap_err();
        assert_eq!(
            error.to_string(),
            "--orders-database-url is for the role rowhouse_orders, and its URL names rowhouse_auth"
        );
    }
}
