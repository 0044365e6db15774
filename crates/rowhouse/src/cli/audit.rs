//! The command `rowhouse audit`, which checks the isolation guarantees of a database.

use std::io;
use std::process::ExitCode;

use clap::Args;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{OptionalExtension, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowhouse_tenancy::audit::{AuditScope, Violation, run as look};
use serde::Serialize;

use super::database::DatabaseArgs;
use super::output::{OutputArgs, OutputFormat, Row, note, print_all, stdout};

use rowhouse_migrator::{MigrateError, connect_diesel};

pub(super) const EXAMPLES: &str =
    "Prints a row for each violation: the rule, the object that violates it, and the remedy. The exit code is 1 if there is any.
The result is the same for a superuser, an administrator (a member of rowhouse_administrators) and a service.

Examples:
  rowhouse audit --database-url postgres://admin:secret@db/rowhouse?sslrootcert=system
  DATABASE_URL=postgres://admin:secret@db/rowhouse?sslrootcert=system rowhouse audit";

#[derive(Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    output: OutputArgs,
    /// The database; a service's URL is enough.
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum AuditError {
    #[error(transparent)]
    Connect(#[from] MigrateError),
    #[error(
        "{0} may not read what is declared in the schema tenancy: audit as a superuser or an administrator, such as \
         `GRANT rowhouse_administrators TO {0}` makes"
    )]
    Closed(String),
    #[error("the database cannot be audited: {0}")]
    Query(#[from] diesel::result::Error),
    #[error("the violations cannot be printed: {0}")]
    Print(#[from] io::Error),
}

pub(super) async fn run(args: AuditArgs) -> Result<ExitCode, AuditError> {
    let mut conn = connect_diesel(&args.database.url, args.database.ca_file()).await?;
    if let Some(role) = shut_out(&mut conn).await? {
        return Err(AuditError::Closed(role));
    }
    let violations = look(&mut conn, &AuditScope::All).await?;
    let found = !violations.is_empty();
    if found || args.output.format == OutputFormat::Json {
        let rows =
            violations.iter().map(|Violation { rule, object, remedy }| ViolationRow { rule, object, remedy });
        print_all(&mut stdout(), args.output.format, rows.collect())?;
    }
    if found {
        return Ok(ExitCode::FAILURE);
    }
    note!("no violation found");
    Ok(ExitCode::SUCCESS)
}

/// A violation as it is printed.
#[derive(Serialize)]
struct ViolationRow<'a> {
    rule: &'a str,
    object: &'a str,
    remedy: &'a str,
}

impl Row for ViolationRow<'_> {
    const COLUMNS: &'static [&'static str] = &["RULE", "OBJECT", "REMEDY"];

    fn cells(&self) -> Vec<String> {
        [self.rule, self.object, self.remedy].map(str::to_owned).into()
    }
}

/// Returns the connected role if it may not read the lists that the audit needs.
async fn shut_out(conn: &mut AsyncPgConnection) -> QueryResult<Option<String>> {
    let closed = sql::<Text>(
        "SELECT pg_catalog.quote_ident(current_user)
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'tenancy' AND c.relname IN ('global_tables', 'definer_functions')
             AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
         LIMIT 1",
    );
    closed.get_result(conn).await.optional()
}
