//! The commands of `rowhouse`: parsing their arguments, and running one.

mod actions;
mod addresses;
mod audit;
mod backfill;
mod backfill_error;
mod backfill_list;
mod completions;
mod database;
mod keys;
mod migrate;
mod operator;
mod output;
mod psql;
mod reencrypt;
mod settings;
mod tenant;
mod tenant_error;
mod tenant_usage;
mod user;
mod wait_for_migrations;

use std::error::Error;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::output::note;
use crate::dev::{self, DevArgs};

/// Rowhouse: a multi-tenant backend in which PostgreSQL keeps the tenants apart.
///
/// Without a command, it runs `rowhouse dev` with the defaults.
#[derive(Parser)]
#[command(name = "rowhouse", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  rowhouse                                  run everything here, data in .rowhouse
  rowhouse dev --http 127.0.0.1:9000        the same on another port
  rowhouse audit --database-url postgres://admin:secret@db/rowhouse?sslrootcert=system
  rowhouse help migrate                     more about a command";

const DEV_EXAMPLES: &str = "Examples:
  rowhouse dev
  rowhouse dev --data-dir /var/tmp/rowhouse --http 127.0.0.1:0
  DATABASE_URL=postgres://postgres:secret@localhost/rowhouse rowhouse dev";

#[derive(Subcommand)]
enum Command {
    /// Run the whole system on this machine: PostgreSQL, the services, the gateway
    #[command(after_help = DEV_EXAMPLES)]
    Dev(Box<DevArgs>),
    /// Create a database's roles and migrate its schema to the newest version
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::MigrateArgs),
    /// Wait until a database's schema is as new as this program needs
    #[command(after_help = wait_for_migrations::EXAMPLES)]
    WaitForMigrations(wait_for_migrations::WaitArgs),
    /// Check the isolation guarantees of a database
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::AuditArgs),
    /// Create and rotate signing keys, and encrypt secrets again with a new encryption key
    Keys(keys::KeysArgs),
    /// List and show people, disable a person's account, or enable it again
    User(user::UserArgs),
    /// Suspend, resume, list and show tenants, and list how much each has used the database
    Tenant(tenant::TenantArgs),
    /// List and run backfills: changes of all tenants' rows that a migration needs
    #[command(after_help = backfill::EXAMPLES)]
    Backfill(backfill::BackfillArgs),
    /// List the recorded actions of operators: who did what to which tenant or person, and why
    #[command(after_help = actions::EXAMPLES)]
    Actions(actions::ActionsArgs),
    /// Open the database in psql, as an administrator
    #[command(after_help = psql::EXAMPLES)]
    Psql(psql::PsqlArgs),
    /// Print a script that completes commands and arguments in a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
}

/// Returns the whole command line, with the files of secrets.
#[must_use]
pub fn command() -> clap::Command {
    settings::complete(Cli::command())
}

/// Parses the arguments and variables of this process. Exits with a message if they are invalid.
#[must_use]
pub fn parse() -> Cli {
    settings::parse(&Cli::command())
}

/// Executes the command line. A failure is a message on standard error and an exit code.
pub async fn run(cli: Cli) -> ExitCode {
    let command = match cli.command {
        Some(command) => command,
        // Parsed rather than constructed, so that environment variables apply.
        None => match Cli::parse_from(["rowhouse", "dev"]).command {
            Some(command) => command,
            None => return ExitCode::FAILURE,
        },
    };
    match execute(command).await {
        Ok(code) => code,
        Err(error) => {
            note!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Dev(args) => return Ok(Box::pin(dev::run(*args)).await),
        Command::Migrate(args) => return Ok(Box::pin(migrate::run(args)).await?),
        Command::WaitForMigrations(args) => Box::pin(wait_for_migrations::run(args)).await?,
        Command::Audit(args) => return Ok(Box::pin(audit::run(args)).await?),
        Command::Keys(args) => return Box::pin(keys::run(args)).await,
        Command::User(args) => Box::pin(user::run(args)).await?,
        Command::Tenant(args) => Box::pin(tenant::run(args)).await?,
        Command::Backfill(args) => return Ok(Box::pin(backfill::run(args)).await?),
        Command::Actions(args) => Box::pin(actions::run(args)).await?,
        Command::Psql(args) => Box::pin(psql::run(args)).await?,
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};
    use rowhouse_catalog::ServiceName;

    use super::*;

    /// Every flag has a variable, except positional arguments and secrets.
    #[test]
    fn every_argument_has_a_help_text_and_secrets_are_hidden() {
        fn check(command: &Command) {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{argument:?}");
                let secret = argument.get_long().is_some_and(|long| long.ends_with("database-url"));
                assert_eq!(argument.is_hide_env_values_set(), secret, "{argument:?}");
            }
            command.get_subcommands().for_each(check);
        }
        let command = Cli::command();
        command.clone().debug_assert();
        check(&command);
    }

    /// An argument that is added last would otherwise be under the heading of the one before it.
    #[test]
    fn the_file_of_a_secret_is_under_the_secrets_heading() {
        fn check(command: &Command) -> usize {
            let heading = |long: &str| {
                let argument = command.get_arguments().find(|argument| argument.get_long() == Some(long));
                argument.map(|argument| argument.get_help_heading().map(str::to_owned))
            };
            let longs = command.get_arguments().filter_map(|argument| argument.get_long());
            let files: Vec<_> =
                longs.filter_map(|long| Some((long, long.strip_suffix("-url-file")?))).collect();
            for (file, secret) in &files {
                assert_eq!(
                    heading(file),
                    heading(&format!("{secret}-url")),
                    "{} --{file}",
                    command.get_name()
                );
            }
            files.len() + command.get_subcommands().map(check).sum::<usize>()
        }
        assert!(check(&command()) > 10);
    }

    #[test]
    fn ports_and_places_can_be_chosen() {
        let line = "rowhouse dev --data-dir d --http 0.0.0.0:1 --auth-listen [::1]:2 --onboarding-listen 127.0.0.1:0";
        let parsed = Cli::try_parse_from(line.split(' ')).unwrap();
        let Some(super::Command::Dev(args)) = parsed.command else { panic!("another command") };
        assert_eq!(args.http, "0.0.0.0:1".parse().unwrap());
        assert_eq!(args.listen.0[ServiceName::Auth], "[::1]:2".parse().unwrap());
        assert_eq!(args.listen.0[ServiceName::Orders], "127.0.0.1:50053".parse().unwrap());
    }
}
