//! The command `rowhouse backfill`, which lists and runs backfills.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::addresses::{self, AddressesError};
use super::backfill_error::BackfillCliError;
use super::backfill_list;
use super::database::DatabaseArgs;
use super::operator::{OperatorArgs, record_action};
use super::output::{OutputArgs, note, stdout};
use rowhouse_operator::actions::Operator;
use rowhouse_operator::addresses::NAME;
use rowhouse_operator::backfill::{
    Backfill, BackfillCount, BackfillProgress, BackfillReport, BackfillTarget, Options, Runner, TenantFailure,
};
use rowhouse_operator::tenants::TenantError;

pub(super) const EXAMPLES: &str = "A backfill changes rows that existed before a migration, such as to fill a new column. It processes all tenants, each in \
transactions of its own, in batches, and records its progress: after an interruption, even by kill -9, the next run continues.
Before a tenant is processed, the rows to change are counted. If another number of rows was changed in the end, the tenant is \
reported and the exit code is not 0; the other tenants are processed all the same.

Examples:
  rowhouse backfill --list
  rowhouse backfill orders-priority --dry-run
  rowhouse backfill orders-priority --rate 5000
  rowhouse backfill orders-priority --tenant acme --tenant globex";

const CONCURRENCY: u32 = 4;

#[derive(Args)]
pub(super) struct BackfillArgs {
    /// Name of the backfill; --list shows the names
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// List the backfills: whether there is something to do, and the number of tenants that each has completed
    #[arg(long, conflicts_with = "name")]
    list: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// Count the rows to change, without changing them
    #[arg(long)]
    dry_run: bool,
    /// Maximum number of rows to change in one transaction
    #[arg(long, value_name = "ROWS", default_value_t = 1000, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    batch_size: u32,
    /// Maximum number of rows to change per second
    #[arg(long, value_name = "ROWS/S", value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    rate: Option<u32>,
    /// Process only this tenant; may be given several times
    #[arg(long = "tenant", value_name = "SLUG-OR-ID")]
    tenants: Vec<String>,
    /// Number of tenants to process at the same time, each on a connection of its own
    #[arg(long, value_name = "NUMBER", default_value_t = CONCURRENCY, value_parser = RangedU64ValueParser::<u32>::new().range(1..=64))]
    concurrency: u32,
    #[command(flatten)]
    operator: OperatorArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: BackfillArgs) -> Result<ExitCode, BackfillCliError> {
    let DatabaseArgs { url, .. } = &args.database;
    let ca_file = args.database.ca_file();
    let Some(name) = args.name.filter(|_| !args.list) else {
        backfill_list::print(&args.database, args.output.format).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let operator = args.operator.operator();
    if name == NAME {
        if !args.tenants.is_empty() || args.rate.is_some() || args.concurrency != CONCURRENCY {
            return Err(AddressesError::OfTenants.into());
        }
        if !args.dry_run {
            record_run(&args.database, &operator, &name).await?;
        }
        return Ok(addresses::run(url, ca_file, args.dry_run).await?);
    }
    let Some(backfill) = Backfill::find(&name) else { return Err(BackfillCliError::Unknown(name)) };
    let options = Options {
        batch_size: args.batch_size,
        rate: args.rate,
        tenants: args.tenants,
        concurrency: args.concurrency,
    };
    let runner = Runner::new(backfill, url, ca_file)
        .with_options(options)
        .with_progress(BackfillProgress::on_stderr());
    if args.dry_run {
        let counted = runner.count().await?;
        print_failures(&counted.failed, counted.left_out);
        print_counted(&mut stdout(), &name, &counted)?;
        return Ok(exit_code(counted.failed.is_empty() && counted.left_out == 0));
    }
    record_run(&args.database, &operator, &name).await?;
    let report = runner.run().await?;
    print_failures(&report.failed, report.left_out);
    print_report(&mut stdout(), &name, &report)?;
    Ok(exit_code(report.is_complete()))
}

/// Records that a run begins, since it has a transaction for each batch.
async fn record_run(database: &DatabaseArgs, operator: &Operator, name: &str) -> Result<(), TenantError> {
    let owner = database.owner().await?;
    record_action(&owner, operator, "backfill.run", &serde_json::json!({ "backfill": name })).await
}

fn exit_code(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_failures(failed: &[(BackfillTarget, TenantFailure)], left_out: usize) {
    for (target, failure) in failed {
        note!("{} ({}): {failure}", target.slug, target.id);
    }
    if left_out > 0 {
        note!("no connection was left for {}", tenants(left_out));
    }
}

fn print_counted(out: &mut impl Write, name: &str, counted: &BackfillCount) -> io::Result<()> {
    for (target, rows) in counted.tenants.iter().filter(|(_, rows)| *rows > 0) {
        writeln!(out, "{} ({}): {}", target.slug, target.id, of_rows(*rows))?;
    }
    let total = counted.tenants.iter().map(|(_, rows)| rows).sum();
    let (open, before) = (counted.tenants.len(), counted.completed);
    writeln!(
        out,
        "{name}: {} of {} to change; completed before: {}",
        of_rows(total),
        tenants(open),
        tenants(before)
    )
}

fn print_report(out: &mut impl Write, name: &str, report: &BackfillReport) -> io::Result<()> {
    let BackfillReport { completed, completed_before, changed_rows, failed, left_out } = report;
    write!(
        out,
        "{name}: completed {}, changed {}; completed before: {}",
        tenants(*completed),
        of_rows(*changed_rows),
        tenants(*completed_before)
    )?;
    let open = failed.len() + left_out;
    if open > 0 {
        write!(out, "; not completed: {}", tenants(open))?;
    }
    writeln!(out)
}

fn tenants(count: usize) -> String {
    if count == 1 { "1 tenant".to_owned() } else { format!("{count} tenants") }
}

fn of_rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::TenantId;

    use super::*;

    fn target(slug: &str) -> BackfillTarget {
        BackfillTarget { id: TenantId::from_uuid(uuid::Uuid::nil()), slug: slug.to_owned() }
    }

    #[test]
    fn a_dry_run_names_the_tenants_with_something_to_do() {
        let tenants = vec![(target("acme"), 1), (target("globex"), 0), (target("initech"), 20)];
        let counted = BackfillCount { tenants, completed: 7, ..BackfillCount::default() };
        let mut out = Vec::new();
        print_counted(&mut out, "orders-priority", &counted).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "acme (00000000-0000-0000-0000-000000000000): 1 row\n\
             initech (00000000-0000-0000-0000-000000000000): 20 rows\n\
             orders-priority: 21 rows of 3 tenants to change; completed before: 7 tenants\n"
        );
    }

    #[test]
    fn incomplete_tenants_are_reported() {
        let failure = TenantFailure::Difference { expected: 10, changed: 9 };
        let report = BackfillReport {
            completed: 3,
            completed_before: 1,
            changed_rows: 40,
            failed: vec![(target("acme"), failure)],
            left_out: 2,
        };
        let mut out = Vec::new();
        print_report(&mut out, "orders-priority", &report).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "orders-priority: completed 3 tenants, changed 40 rows; completed before: 1 tenant; \
             not completed: 3 tenants\n"
        );
    }
}
