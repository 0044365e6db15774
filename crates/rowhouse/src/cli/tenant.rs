//! The command `rowhouse tenant`, which suspends, resumes, lists and shows tenants.

use std::io::Write;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use rowhouse_operator::Search;
use rowhouse_operator::tenants::{self, DataSize, Overview, Suspended, TableSize, Tenant, Usage};
use rowhouse_tenancy::TenantStatus;

use super::database::DatabaseArgs;
use super::operator::ReasonArgs;
use super::output::{Details, ListArgs, OutputArgs, Row, counted, print_details, print_page, stdout};
use super::tenant_error::TenantCliError;
use super::tenant_usage::{self, UsageArgs};

const EXAMPLES: &str =
    "In a suspended tenant, the database refuses every transaction, even with valid tokens. Open transactions are ended, and jobs \
wait until the tenant is resumed. The tenant's audit log records both with the reason; the record of operators' actions \
(`rowhouse actions`) also has who did it.

Examples:
  rowhouse tenant suspend acme --reason 'invoice 2026-117 is unpaid'
  rowhouse tenant resume acme --reason 'paid' --actor ada
  rowhouse tenant list --status suspended --search corp --limit 200
  rowhouse tenant list --output json
  rowhouse tenant usage --from 2026-11-01 --to 2026-11-30
  rowhouse tenant show 01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TenantArgs {
    #[command(subcommand)]
    command: TenantCommand,
}

#[derive(Subcommand)]
enum TenantCommand {
    /// Suspend a tenant: nobody has access to it any more, and its open transactions are ended
    Suspend(Change),
    /// Resume a suspended tenant
    Resume(Change),
    /// List the tenants, the newest first
    List(List),
    /// List how much each tenant has used the database, the longest use of connections first
    Usage(UsageArgs),
    /// Show one tenant: its status, members, sessions, keys, jobs, the size of its data, and why it was suspended
    Show(Show),
}

#[derive(Args)]
struct Change {
    /// The tenant's slug or id
    #[arg(value_name = "SLUG-OR-ID")]
    tenant: String,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Args)]
struct List {
    /// Show only tenants with this status
    #[arg(long, value_parser = status())]
    status: Option<TenantStatus>,
    #[command(flatten)]
    rows: ListArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Parses a status; the help lists them.
fn status() -> impl TypedValueParser<Value = TenantStatus> {
    let values = TenantStatus::ALL.map(|status| {
        let help = match status {
            TenantStatus::Provisioning => "It is in set-up",
            TenantStatus::Active => "It is in use",
            TenantStatus::Suspended => "Nobody can enter it",
            TenantStatus::Failed => "It could not be set up",
        };
        PossibleValue::new(status.as_str()).help(help)
    });
    PossibleValuesParser::new(values).try_map(|name| name.parse::<TenantStatus>())
}

#[derive(Args)]
struct Show {
    /// The tenant's slug or id
    #[arg(value_name = "SLUG-OR-ID")]
    tenant: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: TenantArgs) -> Result<(), TenantCliError> {
    let mut out = stdout();
    match args.command {
        TenantCommand::Suspend(Change { tenant, reason, database }) => {
            let operator = reason.operator();
            let mut admin = database.admin().await?;
            let Suspended { tenant, ended_transactions } =
                tenants::suspend(&mut admin, &tenant, &operator).await?;
            writeln!(out, "suspended {}", tenant.slug)?;
            if ended_transactions > 0 {
                writeln!(out, "ended transactions that had begun before: {ended_transactions}")?;
            }
        }
        TenantCommand::Resume(Change { tenant, reason, database }) => {
            let operator = reason.operator();
            let mut admin = database.admin().await?;
            let tenant = tenants::resume(&mut admin, &tenant, &operator).await?;
            writeln!(out, "resumed {}", tenant.slug)?;
        }
        TenantCommand::List(List { status, rows: ListArgs { limit, search, output }, database }) => {
            let owner = database.owner().await?;
            let page = tenants::list(&owner, status, &Search { text: search, limit }).await?;
            print_page(&mut out, output.format, &page)?;
        }
        TenantCommand::Usage(args) => tenant_usage::run(args).await?,
        TenantCommand::Show(Show { tenant, output, database }) => {
            let mut owner = database.owner().await?;
            let overview = tenants::overview(&mut owner, &tenant).await?;
            print_details(&mut out, output.format, &overview)?;
        }
    }
    Ok(())
}

impl Row for Tenant {
    const COLUMNS: &'static [&'static str] = &["ID", "SLUG", "STATUS", "CREATED", "NAME"];

    fn cells(&self) -> Vec<String> {
        let Self { id, slug, name, status, created_at } = self.clone();
        vec![id.to_string(), slug, status, created_at, name]
    }
}

impl Details for Overview {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let Tenant { id, slug, name, status, created_at } = self.tenant.clone();
        let DataSize { rows, bytes, tables } = &self.data;
        let mut fields = vec![
            ("id", id.to_string()),
            ("slug", slug),
            ("name", name),
            ("status", status),
            ("created", created_at),
            ("members", counted(&self.members)),
            ("sessions", self.sessions.to_string()),
            ("API keys", self.api_keys.to_string()),
            ("invitations", self.invitations.to_string()),
            ("jobs", counted(&self.jobs)),
            ("data", format!("{bytes} bytes in {rows} rows, without indexes")),
        ];
        fields.extend(
            tables.iter().map(|TableSize { table, rows, bytes }| {
                ("", format!("{table}: {bytes} bytes in {rows} rows"))
            }),
        );
        fields.extend(self.usage.iter().enumerate().map(|(at, usage)| {
            let Usage { service, transactions, round_trips, rows, milliseconds } = usage;
            let used = format!(
                "{service}: {transactions} transactions, {round_trips} round trips, {rows} rows, {milliseconds} ms"
            );
            (if at == 0 { "used in 30 days" } else { "" }, used)
        }));
        if let Some(suspension) = &self.last_suspension {
            fields.push(("last suspended", format!("{}: {}", suspension.at, suspension.reason)));
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_operator::tenants::Suspension;
    use rowhouse_tenancy::TenantId;

    use super::super::output::OutputFormat;
    use super::*;

    #[test]
    fn an_overview_says_what_there_is() {
        let tenant = Tenant {
            id: TenantId::from_uuid(uuid::Uuid::nil()),
            slug: "acme".to_owned(),
            name: "Acme\u{1b}[2J".to_owned(),
            status: "suspended".to_owned(),
            created_at: "2026-11-23T08:30:00Z".to_owned(),
        };
        let table = TableSize { table: "orders.orders".to_owned(), rows: 2, bytes: 400 };
        let overview = Overview {
            tenant,
            members: [("owner".to_owned(), 1), ("viewer".to_owned(), 2)].into(),
            sessions: 4,
            api_keys: 0,
            invitations: 0,
            jobs: [].into(),
            last_suspension: Some(Suspension {
                at: "2026-11-24T09:00:00Z".to_owned(),
                reason: "unpaid".to_owned(),
            }),
            data: DataSize { rows: 2, bytes: 400, tables: vec![table] },
            usage: vec![Usage {
                service: "orders".to_owned(),
                transactions: 3,
                round_trips: 7,
                rows: 60,
                milliseconds: 12,
            }],
        };
        let mut out = Vec::new();
        print_details(&mut out, OutputFormat::Table, &overview).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id               00000000-0000-0000-0000-000000000000\n\
             slug             acme\n\
             name             Acme\u{fffd}[2J\n\
             status           suspended\n\
             created          2026-11-23T08:30:00Z\n\
             members          1 owner, 2 viewer\n\
             sessions         4\n\
             API keys         0\n\
             invitations      0\n\
             jobs             none\n\
             data             400 bytes in 2 rows, without indexes\n\
             \u{20}                orders.orders: 400 bytes in 2 rows\n\
             used in 30 days  orders: 3 transactions, 7 round trips, 60 rows, 12 ms\n\
             last suspended   2026-11-24T09:00:00Z: unpaid\n"
        );
    }
}
