//! `rowhouse backfill --list`: the backfills, and whether there is something to do.

use rowhouse_migrator::{MigrationState, Migrator};
use rowhouse_operator::addresses::{NAME, PURPOSE, survey};
use rowhouse_operator::backfill::{self, LedgerSummary};
use serde::Serialize;

use super::backfill_error::BackfillCliError;
use super::database::DatabaseArgs;
use super::output::{OutputFormat, Row, print_all, stdout};

/// A backfill as it is printed.
#[derive(Serialize)]
struct ListedBackfill {
    name: &'static str,
    state: BackfillState,
    /// The number of tenants and of those that are completed; none if it goes through people.
    tenants: Option<i64>,
    completed: Option<i64>,
    /// The number of rows that were changed so far.
    changed_rows: Option<i64>,
    purpose: &'static str,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum BackfillState {
    /// There is no row that it would change.
    NothingToDo,
    /// It has changed all rows.
    Completed,
    /// It has to be run.
    Open,
}

impl Row for ListedBackfill {
    const COLUMNS: &'static [&'static str] =
        &["NAME", "STATE", "TENANTS", "COMPLETED", "CHANGED ROWS", "PURPOSE"];

    fn cells(&self) -> Vec<String> {
        let state = match self.state {
            BackfillState::NothingToDo => "nothing to do",
            BackfillState::Completed => "completed",
            BackfillState::Open => "open",
        };
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        vec![
            self.name.to_owned(),
            state.to_owned(),
            number(self.tenants),
            number(self.completed),
            number(self.changed_rows),
            self.purpose.to_owned(),
        ]
    }
}

pub(super) async fn print(database: &DatabaseArgs, format: OutputFormat) -> Result<(), BackfillCliError> {
    let status = Migrator::new(&database.url, database.ca_file()).status().await?;
    let is_awaited = |name: &str| {
        let awaits = |state: &MigrationState| matches!(state, MigrationState::AfterBackfill(awaited) if awaited == name);
        status.migrations.iter().any(|migration| awaits(&migration.state))
    };
    let mut rows: Vec<ListedBackfill> = backfill::summaries(&database.url, database.ca_file())
        .await?
        .into_iter()
        .map(|LedgerSummary { backfill, tenants, completed, changed_rows }| ListedBackfill {
            name: backfill.name,
            // Once the contract migration is applied, no row can need it.
            state: match (is_awaited(backfill.name) && tenants > 0, changed_rows > 0) {
                (true, _) if completed < tenants => BackfillState::Open,
                (true, _) | (false, true) => BackfillState::Completed,
                (false, false) => BackfillState::NothingToDo,
            },
            tenants: Some(tenants),
            completed: Some(completed),
            changed_rows: Some(changed_rows),
            purpose: backfill.purpose,
        })
        .collect();
    let owner = database.owner().await?;
    let found = survey(&owner).await.map_err(rowhouse_operator::tenants::TenantError::from)?;
    let nothing = found.outdated.is_empty() && found.collisions.is_empty();
    let state = if nothing { BackfillState::NothingToDo } else { BackfillState::Open };
    let (tenants, completed, changed_rows) = (None, None, None);
    rows.push(ListedBackfill { name: NAME, state, tenants, completed, changed_rows, purpose: PURPOSE });
    Ok(print_all(&mut stdout(), format, rows)?)
}
