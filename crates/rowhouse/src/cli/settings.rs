//! The arguments that all commands with a database have: files of secrets, and the environment, which decides whether a
//! connection has to be encrypted.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::builder::{OsStr, Resettable, Str};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use rowhouse_chassis::config::{self, Environment};
use rowhouse_connection::Address;

use super::database::written_url;

/// The argument of the database that a command connects to, and of its authorities.
const DATABASE: &str = "database_url";
const AUTHORITIES: &str = "database_ca_file";
const ENVIRONMENT: &str = "environment";
/// The command for development, whatever the environment is.
const DEV: &str = "dev";

/// The contents of files, by the arguments whose values they are.
type Contents = BTreeMap<String, String>;

/// Adds to each command a file for each secret, and the environment.
pub(super) fn complete(command: Command) -> Command {
    with_contents(command, &Contents::new())
}

fn with_contents(mut command: Command, contents: &Contents) -> Command {
    for secret in secrets(&command) {
        let id = secret.get_id().as_str().to_owned();
        command = command.arg(file_of(&secret)).mut_arg(&id, |argument| match contents.get(&id) {
            // The file overrides the variable, as it does for a service.
            Some(content) => argument
                .required(false)
                .env(Resettable::<OsStr>::Reset)
                .default_value(content.clone())
                .hide_default_value(true),
            None => argument,
        });
    }
    let has = |id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
    if has(DATABASE) && !has(ENVIRONMENT) && command.get_name() != DEV {
        command = Environment::augment_args(command);
    }
    command.mut_subcommands(|inner| with_contents(inner, contents))
}

/// Returns the secrets of a command that it does not itself read from a file.
fn secrets(command: &Command) -> Vec<Arg> {
    let is_read = |secret: &Arg| {
        let file = format!("{}-file", secret.get_long().unwrap_or_default());
        command.get_arguments().any(|argument| argument.get_long() == Some(&*file))
    };
    let secrets = command.get_arguments().filter(|argument| argument.is_hide_env_values_set());
    secrets.filter(|secret| !is_read(secret)).cloned().collect()
}

/// Returns the argument `--<name>-file` for the secret `--<name>`.
fn file_of(secret: &Arg) -> Arg {
    let long = secret.get_long().unwrap_or_default();
    let variable = secret.get_env().and_then(|variable| variable.to_str()).unwrap_or_default();
    // `DATABASE_URL` belongs to everybody, so its file's name begins as all others do.
    let prefix = if variable.starts_with("ROWHOUSE_") { "" } else { "ROWHOUSE_" };
    Arg::new(format!("{long}-file"))
        .long(format!("{long}-file"))
        .env(format!("{prefix}{variable}_FILE"))
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help_heading(Resettable::from(
            secret.get_help_heading().map(|heading| Str::from(heading.to_owned())),
        ))
        .help(format!("File that contains the value of --{long}, and overrides {variable}"))
}

/// Parses the arguments and variables of this process. Exits with a message if they are invalid.
pub(super) fn parse<C: FromArgMatches>(command: &Command) -> C {
    let mut arguments = env::args_os().collect::<Vec<_>>();
    if arguments.len() < 2 {
        arguments.push(DEV.into());
    }
    let mut line = complete(command.clone());
    let result = lenient(command, &arguments).and_then(|contents| {
        line = with_contents(command.clone(), &contents);
        let matches = config::matches(line.clone(), arguments)?;
        refuse_plaintext(&matches)?;
        C::from_arg_matches(&matches)
    });
    result.unwrap_or_else(|error| error.format(&mut line).exit())
}

/// Reads the files of secrets that the arguments name. Other arguments are not looked at yet.
fn lenient(command: &Command, arguments: &[OsString]) -> Result<Contents, Error> {
    let mut contents = Contents::new();
    let Ok(matches) = optional(complete(command.clone())).try_get_matches_from(arguments) else {
        // The second parse says what is wrong.
        return Ok(contents);
    };
    let mut command = complete(command.clone());
    let mut matches = &matches;
    loop {
        for secret in command.get_arguments().filter(|argument| argument.is_hide_env_values_set()) {
            let file = format!("{}-file", secret.get_long().unwrap_or_default());
            if let Ok(Some(path)) = matches.try_get_one::<PathBuf>(&file) {
                contents.insert(secret.get_id().as_str().to_owned(), read(path)?);
            }
        }
        let Some((name, inner)) = matches.subcommand() else { return Ok(contents) };
        let Some(found) = command.find_subcommand(name).cloned() else { return Ok(contents) };
        (command, matches) = (found, inner);
    }
}

/// Makes each secret optional.
fn optional(command: Command) -> Command {
    command
        .mut_args(
            |argument| if argument.is_hide_env_values_set() { argument.required(false) } else { argument },
        )
        .mut_subcommands(optional)
}

fn read(path: &Path) -> Result<String, Error> {
    let content = fs::read_to_string(path).map_err(|error| {
        Error::raw(ErrorKind::Io, format!("the file {} cannot be read: {error}\n", path.display()))
    })?;
    Ok(content.trim().to_owned())
}

/// Checks that in production no administrator's connection leaves this machine unencrypted.
fn refuse_plaintext(matches: &ArgMatches) -> Result<(), Error> {
    let mut matches = matches;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    let environment = matches.try_get_one::<Environment>(ENVIRONMENT).ok().flatten();
    if !environment.is_some_and(|environment| environment.is_production()) {
        return Ok(());
    }
    let Some(url) = written_url(matches) else { return Ok(()) };
    let authorities = matches.try_get_one::<PathBuf>(AUTHORITIES).ok().flatten();
    let checked =
        Address::parse(url, authorities.map(PathBuf::as_path)).and_then(|address| address.refuse_plaintext());
    checked.map_err(|error| Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))
}
