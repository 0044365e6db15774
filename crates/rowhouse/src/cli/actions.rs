//! The command `rowhouse actions`, which lists what operators did.

use std::io;

use clap::Args;
use rowhouse_operator::Search;
use rowhouse_operator::actions::{self, RecordedAction};
use rowhouse_operator::tenants::TenantError;

use super::database::DatabaseArgs;
use super::output::{ListArgs, Row, print_page, stdout};

pub(super) const EXAMPLES: &str = "Lists the newest action first. A change of a tenant or a person is recorded in the same transaction, a backfill or a re-encryption
when it begins, and a migration when it has ended. No operator can change or delete a record. The actor is the name that was
given by --actor; the database role is the one that the operator connected as.

Examples:
  rowhouse actions --search acme
  rowhouse actions --limit 1000 --output json";

#[derive(Args)]
pub(super) struct ActionsArgs {
    #[command(flatten)]
    rows: ListArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ActionsError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

impl Row for RecordedAction {
    const COLUMNS: &'static [&'static str] =
        &["TIME", "ACTOR", "DATABASE ROLE", "ACTION", "TARGET", "REASON", "DETAILS"];

    fn cells(&self) -> Vec<String> {
        let Self { at, actor, database_role, action, target_name, reason, details, .. } = self;
        let details = details.as_object().filter(|details| !details.is_empty());
        vec![
            at.clone(),
            actor.clone(),
            database_role.clone(),
            action.clone(),
            target_name.clone().unwrap_or_default(),
            reason.clone().unwrap_or_default(),
            details.map_or_else(String::new, |details| serde_json::Value::from(details.clone()).to_string()),
        ]
    }
}

pub(super) async fn run(args: ActionsArgs) -> Result<(), ActionsError> {
    let ActionsArgs { rows: ListArgs { limit, search, output }, database } = args;
    let owner = database.owner().await?;
    let page = actions::list(&owner, &Search { text: search, limit }).await?;
    Ok(print_page(&mut stdout(), output.format, &page)?)
}
