//! The command `rowhouse user`, which lists and shows people, and disables and enables them.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use rowhouse_operator::Search;
use rowhouse_operator::people::{self, Disabled, Membership, Person, PersonOverview};
use rowhouse_operator::tenants::TenantError;

use super::database::DatabaseArgs;
use super::operator::ReasonArgs;
use super::output::{Details, ListArgs, OutputArgs, Row, note, print_details, print_page, stdout};

const EXAMPLES: &str = "A disabled person cannot log in to any tenant. All of their sessions, API keys and sent invitations end at once, in every
tenant, and do not come back when the person is enabled again. The data that they have created stays.
Disabling and enabling are recorded: `rowhouse actions` lists them.

Examples:
  rowhouse user list --search @example.com
  rowhouse user show ada@example.com --output json
  rowhouse user disable ada@example.com --reason 'her laptop was stolen'
  rowhouse user enable ada@example.com --reason 'new password' --database-url postgres://postgres:secret@db/rowhouse";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Disable a person: end all of their sessions, API keys and invitations, and refuse logins
    Disable(Change),
    /// Enable a disabled person, so that they can log in again
    Enable(Change),
    /// List people, the newest first
    List(List),
    /// Show one person: their tenants with roles, sessions and API keys, and whether they can log in
    Show(Show),
}

#[derive(Args)]
struct Change {
    /// The person's email address or id
    #[arg(value_name = "EMAIL-OR-ID")]
    person: String,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Args)]
struct List {
    #[command(flatten)]
    rows: ListArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Args)]
struct Show {
    /// The person's email address or id
    #[arg(value_name = "EMAIL-OR-ID")]
    person: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum UserError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

pub(super) async fn run(args: UserArgs) -> Result<(), UserError> {
    let mut out = stdout();
    match args.command {
        UserCommand::Disable(Change { person, reason, database }) => {
            let operator = reason.operator();
            let mut owner = database.owner().await?;
            let Disabled { email, sessions, api_keys, invitations } =
                people::disable(&mut owner, &person, &operator).await?;
            note!("ended {sessions} sessions, {api_keys} API keys and {invitations} invitations");
            writeln!(out, "disabled {email}")?;
        }
        UserCommand::Enable(Change { person, reason, database }) => {
            let operator = reason.operator();
            let mut owner = database.owner().await?;
            let email = people::enable(&mut owner, &person, &operator).await?;
            writeln!(out, "enabled {email}")?;
        }
        UserCommand::List(List { rows: ListArgs { limit, search, output }, database }) => {
            let owner = database.owner().await?;
            let page = people::list(&owner, &Search { text: search, limit }).await?;
            print_page(&mut out, output.format, &page)?;
        }
        UserCommand::Show(Show { person, output, database }) => {
            let mut owner = database.owner().await?;
            let overview = people::overview(&mut owner, &person).await?;
            print_details(&mut out, output.format, &overview)?;
        }
    }
    Ok(())
}

fn or_no(time: Option<&String>) -> String {
    time.map_or_else(|| "no".to_owned(), Clone::clone)
}

impl Row for Person {
    const COLUMNS: &'static [&'static str] =
        &["ID", "EMAIL", "CREATED", "CONFIRMED", "DISABLED", "SECOND FACTOR", "TENANTS"];

    fn cells(&self) -> Vec<String> {
        let Self { id, email, created_at, verified_at, disabled_at, second_factor, tenants } = self;
        vec![
            id.clone(),
            email.clone(),
            created_at.clone(),
            or_no(verified_at.as_ref()),
            or_no(disabled_at.as_ref()),
            if *second_factor { "yes" } else { "no" }.to_owned(),
            tenants.to_string(),
        ]
    }
}

impl Details for PersonOverview {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let Person { id, email, created_at, verified_at, disabled_at, second_factor, .. } = &self.person;
        let second_factor = match second_factor {
            true => format!("yes, with {} recovery codes", self.recovery_codes),
            false => "no".to_owned(),
        };
        let mut fields = vec![
            ("id", id.clone()),
            ("email", email.clone()),
            ("created", created_at.clone()),
            ("confirmed", or_no(verified_at.as_ref())),
            ("disabled", or_no(disabled_at.as_ref())),
            ("second factor", second_factor),
            ("tenants", self.memberships.len().to_string()),
        ];
        for Membership { slug, status, role, since, sessions, api_keys, .. } in &self.memberships {
            let line =
                format!("{slug} ({status}): {role} since {since}, {sessions} sessions, {api_keys} API keys");
            fields.push(("", line));
        }
        fields
    }
}
