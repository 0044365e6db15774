//! The command `rowhouse migrate`, which creates roles and schemas, and lists migrations.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, Args};
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::config::{EachService, OfEachService, seconds};
use rowhouse_connection::Address;
use serde::Serialize;

use super::addresses;
use super::database::DatabaseArgs;
use super::operator::{OperatorArgs, record_action};
use super::output::{OutputArgs, OutputFormat, Row, note, print_all, print_json, stdout};
use rowhouse_migrator::{
    MigrateError, MigrateReport, MigrationState, MigrationStatus, Migrator, RolePasswords, Status,
};
use rowhouse_operator::actions::Operator;
use rowhouse_operator::tenants::TenantError;

/// The exit code of `--status` if there is something to do.
const PENDING: u8 = 3;

pub(super) const EXAMPLES: &str = "Creates the database if it does not exist, the roles, their grants and the schema. Repeating it changes nothing.
Each service logs in as a role of its own, such as rowhouse_orders. The role gets the password in the service's URL; nothing else
of that URL is used.
Roles belong to the whole server: an administrator who is no superuser becomes a member of rowhouse_administrators, whose members
administer all databases of Rowhouse on it.

A migration that needs a lock of another session waits a second for it, lets the others go first, and tries again.
With --status nothing is changed: each migration is listed, and the exit code is 0 if there is nothing to do, else 3.

Examples:
  rowhouse migrate --status
  rowhouse migrate --database-url postgres://postgres:secret@db/rowhouse?sslrootcert=system
  rowhouse migrate --database-url postgres://postgres:secret@db/rowhouse?sslrootcert=system \\
      --orders-database-url postgres://rowhouse_orders:another-secret@db/rowhouse?sslrootcert=system";

#[derive(Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The URLs with which the services connect to the database.
    #[command(flatten)]
    service_urls: OfEachService<DatabaseUrl>,
    /// Maximum time to wait for locks of other sessions, and before that for another `rowhouse migrate`, in seconds
    #[arg(long, env = "ROWHOUSE_LOCK_WAIT", value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    lock_wait: Duration,
    /// List the migrations and their states, and change nothing
    #[arg(long)]
    status: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    operator: OperatorArgs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum MigrateCliError {
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("the migration is done, but it could not be recorded who did it: {0}")]
    Record(#[from] TenantError),
}

/// The URL with which a service connects to the database. Its role gets the password in it.
struct DatabaseUrl;

impl EachService for DatabaseUrl {
    const SUFFIX: &'static str = "database-url";
    type Parsed = String;
    type Value = Option<String>;

    fn argument(service: ServiceName, argument: Arg) -> Arg {
        let help = format!(
            "URL with which the {service} service connects to the database; its role gets the password in it"
        );
        argument.value_name("URL").hide_env_values(true).help(help)
    }

    fn value(parsed: Option<String>) -> Option<Option<String>> {
        Some(parsed)
    }
}

pub(super) async fn run(args: MigrateArgs) -> Result<ExitCode, MigrateCliError> {
    let (url, ca_file) = (&args.database.url, args.database.ca_file());
    let migrator =
        Migrator::new(url, ca_file).with_lock_wait(args.lock_wait).with_notice(|line| note!("{line}"));
    if args.status {
        let status = migrator.status().await?;
        if let Err(error) = print_status(&mut stdout(), args.output.format, &status) {
            note!("{error}");
        }
        return Ok(if status.is_current() { ExitCode::SUCCESS } else { ExitCode::from(PENDING) });
    }
    let urls = &args.service_urls.0;
    let passwords = PerService::try_from_fn(|service| password(urls[service].as_deref(), ca_file, service))?;
    let passwords = RolePasswords::new(passwords);
    let report = migrator.run(&passwords).await?;
    if let Err(error) = print(&mut stdout(), &report, &passwords) {
        note!("{error}");
    }
    record_run(&args.database, &args.operator.operator(), &report, &passwords).await?;
    // The schema is complete, whatever this returns.
    if let Err(error) = addresses::report(url, ca_file).await {
        note!("the email addresses were not checked: {error}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Records a run that has changed something: afterwards, since the record is a table that the first run makes.
async fn record_run(
    database: &DatabaseArgs,
    operator: &Operator,
    report: &MigrateReport,
    passwords: &RolePasswords,
) -> Result<(), TenantError> {
    let MigrateReport { created_database, created_roles, rebuilt_indexes, applied, waiting: _ } = report;
    let set = ServiceName::ALL.iter().filter(|service| passwords.of(**service).is_some());
    let passwords: Vec<_> = set.map(|service| service.role()).collect();
    let is_changed = created_database.is_some()
        || [created_roles.is_empty(), rebuilt_indexes.is_empty(), applied.is_empty(), passwords.is_empty()]
            .contains(&false);
    if !is_changed {
        return Ok(());
    }
    let details = serde_json::json!({
        "created_database": created_database,
        "created_roles": created_roles,
        "passwords_of": passwords,
        "rebuilt_indexes": rebuilt_indexes,
        "applied": applied,
    });
    record_action(&database.owner().await?, operator, "database.migrate", &details).await
}

fn password(
    url: Option<&str>,
    ca_file: Option<&Path>,
    service: ServiceName,
) -> Result<Option<String>, MigrateError> {
    let Some(url) = url else { return Ok(None) };
    let address = Address::parse(url, ca_file)?;
    let config = address.config();
    if config.get_user() != Some(service.role()) {
        let found = config.get_user().unwrap_or("nobody").to_owned();
        let argument = format!("--{service}-{}", DatabaseUrl::SUFFIX);
        return Err(MigrateError::OtherRole { argument, expected: service.role(), found });
    }
    Ok(config.get_password().map(|password| String::from_utf8_lossy(password).into_owned()))
}

fn print(out: &mut impl Write, report: &MigrateReport, passwords: &RolePasswords) -> io::Result<()> {
    if let Some(name) = &report.created_database {
        writeln!(out, "made the database {name}")?;
    }
    for name in &report.created_roles {
        let login = ServiceName::ALL.iter().find(|service| service.role() == *name);
        let note = match login {
            Some(service) if passwords.of(*service).is_none() => ", which has no password yet",
            _ => "",
        };
        writeln!(out, "made the role {name}{note}")?;
    }
    for index in &report.rebuilt_indexes {
        writeln!(out, "built the index {index} again, which had been left unfinished")?;
    }
    for migration in &report.applied {
        writeln!(out, "ran the migration {migration}")?;
    }
    if let Some(waiting) = &report.waiting {
        writeln!(
            out,
            "waiting: {} needs `rowhouse backfill {}` first, then migrate again ({})",
            waiting.migration, waiting.backfill, waiting.reason
        )?;
    }
    if *report == MigrateReport::default() {
        writeln!(out, "everything was up to date")?;
    }
    Ok(())
}

/// A migration as it is printed.
#[derive(Serialize)]
struct StatusRow<'a> {
    name: &'a str,
    /// `applied`, `newer`, `pending` or `waiting`.
    state: &'static str,
    applied_at: Option<&'a str>,
    /// The backfill that it waits for.
    backfill: Option<&'a str>,
}

impl<'a> StatusRow<'a> {
    fn of(migration: &'a MigrationStatus) -> Self {
        let (state, applied_at, backfill) = match &migration.state {
            MigrationState::Applied(at) => ("applied", Some(at.as_str()), None),
            MigrationState::Newer(at) => ("newer", Some(at.as_str()), None),
            MigrationState::Pending => ("pending", None, None),
            MigrationState::AfterBackfill(backfill) => ("waiting", None, Some(backfill.as_str())),
        };
        Self { name: &migration.name, state, applied_at, backfill }
    }
}

impl Row for StatusRow<'_> {
    const COLUMNS: &'static [&'static str] = &["STATE", "APPLIED", "MIGRATION", "NOTE"];

    fn cells(&self) -> Vec<String> {
        let note = match (self.state, self.backfill) {
            ("newer", _) => "this program is older and does not know it".to_owned(),
            (_, Some(backfill)) => format!("needs `rowhouse backfill {backfill}` first"),
            _ => String::new(),
        };
        vec![
            self.state.to_owned(),
            self.applied_at.unwrap_or_default().to_owned(),
            self.name.to_owned(),
            note,
        ]
    }
}

fn print_status(out: &mut impl Write, format: OutputFormat, status: &Status) -> io::Result<()> {
    let rows: Vec<StatusRow<'_>> = status.migrations.iter().map(StatusRow::of).collect();
    let invalid_indexes = &status.invalid_indexes;
    if format == OutputFormat::Json {
        let total = rows.len();
        let document =
            serde_json::json!({ "items": rows, "total": total, "invalid_indexes": invalid_indexes });
        return print_json(out, &document);
    }
    print_all(out, format, rows)?;
    for index in invalid_indexes {
        writeln!(
            out,
            "invalid index {index}: it is being built, or was left unfinished and is built again by migrate"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowhouse_migrator::WaitingMigration;

    #[test]
    fn a_waiting_migration_is_reported() {
        let report = MigrateReport {
            rebuilt_indexes: vec!["orders.orders_by_priority".to_owned()],
            waiting: Some(WaitingMigration {
                migration: "2026-11-23-000014_orders_priority_contract".to_owned(),
                backfill: "orders-priority".to_owned(),
                reason: "column \"priority\" of relation \"orders\" contains null values".to_owned(),
            }),
            ..MigrateReport::default()
        };
        let mut out = Vec::new();
        print(&mut out, &report, &RolePasswords::default()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "built the index orders.orders_by_priority again, which had been left unfinished\n\
             waiting: 2026-11-23-000014_orders_priority_contract needs `rowhouse backfill orders-priority` first, \
             then migrate again (column \"priority\" of relation \"orders\" contains null values)\n"
        );
    }

    #[test]
    fn passwords_are_taken_out_of_the_right_urls() {
        let of = |url| password(Some(url), None, ServiceName::Orders);
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
