//! The command `rowhouse tenant usage`, which lists what the tenants used.

use chrono::NaiveDate;
use clap::Args;
use clap::builder::PossibleValuesParser;
use rowhouse_catalog::ServiceName;
use rowhouse_operator::Search;
use rowhouse_operator::tenants::{Span, TenantUsage, usage};

use super::database::DatabaseArgs;
use super::output::{ListArgs, Row, print_page, stdout};
use super::tenant_error::TenantCliError;

#[derive(Args)]
pub(super) struct UsageArgs {
    /// First day, in UTC; by default the one with which there are 30 days
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<NaiveDate>,
    /// Last day, in UTC; today by default
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<NaiveDate>,
    /// Service whose use is counted; by default all services
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ServiceName::ALL.iter().map(|service| service.as_str())))]
    service: Option<String>,
    #[command(flatten)]
    rows: ListArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Row for TenantUsage {
    const COLUMNS: &'static [&'static str] =
        &["ID", "SLUG", "TRANSACTIONS", "ROUND TRIPS", "ROWS", "MILLISECONDS", "NAME"];

    fn cells(&self) -> Vec<String> {
        let Self { id, slug, name, transactions, round_trips, rows, milliseconds } = self;
        let numbers = [transactions, round_trips, rows, milliseconds].map(ToString::to_string);
        [id.to_string(), slug.clone()].into_iter().chain(numbers).chain([name.clone()]).collect()
    }
}

pub(super) async fn run(args: UsageArgs) -> Result<(), TenantCliError> {
    let UsageArgs { from, to, service, rows: ListArgs { limit, search, output }, database } = args;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(TenantCliError::Span { from, to });
    }
    let owner = database.owner().await?;
    let [first_day, last_day] = [from, to].map(|day| day.map(|day| day.to_string()));
    let span = Span { first_day, last_day, service };
    let page = usage(&owner, &span, &Search { text: search, limit }).await?;
    Ok(print_page(&mut stdout(), output.format, &page)?)
}
