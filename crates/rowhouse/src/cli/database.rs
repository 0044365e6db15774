//! The database that a command works on: the one of a URL, or the one of a running `rowhouse dev`.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use rowhouse_migrator::{MigrateError, connect};
use rowhouse_operator::tenants::{TenantError, connect_as_owner};

use crate::dev;

/// The arguments, of which one names the database. What is written on the command line goes before what is in the environment, so
/// that nobody changes production who names a directory.
#[derive(Clone)]
pub(super) struct DatabaseArgs {
    /// The URL of the database, for an administrator.
    pub(super) url: String,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Args)]
struct Written {
    /// URL of the database, for a superuser or a member of `rowhouse_administrators`, such as the role that migrates it
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// PEM file with the authorities that may have signed the database's certificate
    #[arg(long, env = "ROWHOUSE_DATABASE_CA_FILE", value_name = "FILE")]
    database_ca_file: Option<PathBuf>,
    /// Data directory of a running `rowhouse dev`, whose database is used if no URL is given
    #[arg(long, env = "ROWHOUSE_DATA_DIR", value_name = "DIRECTORY", default_value = ".rowhouse")]
    data_dir: PathBuf,
}

/// The arguments' ids.
const URL: &str = "database_url";
const DATA_DIR: &str = "data_dir";

fn is_on_the_line(matches: &ArgMatches, argument: &str) -> bool {
    // A command may not have it.
    matches.try_contains_id(argument).is_ok()
        && matches.value_source(argument) == Some(ValueSource::CommandLine)
}

/// Returns the URL that a command uses: none if there is none, an empty one in the environment, or one in the environment beside a
/// directory on the command line.
pub(super) fn written_url(matches: &ArgMatches) -> Option<&str> {
    let url = matches.try_get_one::<String>(URL).ok().flatten().filter(|url| !url.is_empty())?;
    (is_on_the_line(matches, URL) || !is_on_the_line(matches, DATA_DIR)).then_some(url)
}

impl DatabaseArgs {
    pub(super) fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Connects as the administrator.
    pub(super) async fn admin(&self) -> Result<tokio_postgres::Client, MigrateError> {
        connect(&self.url, self.ca_file()).await
    }

    /// Connects as the owner, to whom row-level security applies.
    pub(super) async fn owner(&self) -> Result<tokio_postgres::Client, TenantError> {
        connect_as_owner(&self.url, self.ca_file()).await
    }
}

impl FromArgMatches for DatabaseArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let Written { database_url: _, database_ca_file, data_dir } = Written::from_arg_matches(matches)?;
        if is_on_the_line(matches, URL) && is_on_the_line(matches, DATA_DIR) {
            let both = "give --database-url or --data-dir, not both: each names a database\n";
            return Err(Error::raw(ErrorKind::ArgumentConflict, both));
        }
        let url = match written_url(matches) {
            Some(url) => url.to_owned(),
            None => dev::database_url(&data_dir)
                .map_err(|error| Error::raw(ErrorKind::MissingRequiredArgument, format!("{error}\n")))?,
        };
        Ok(Self { url, ca_file: database_ca_file })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for DatabaseArgs {
    fn augment_args(command: Command) -> Command {
        Written::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Written::augment_args_for_update(command)
    }
}
