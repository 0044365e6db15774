//! Parsing the arguments of this process, and refusing environment variables that would have no effect.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{ArgMatches, Command, Error};

/// The beginning of the names of settings.
const PREFIX: &str = "ROWHOUSE_";

/// Parses arguments, and the variables of this process. A variable `ROWHOUSE_…` that is no setting of this program is refused: a
/// misspelt one would otherwise leave a default in force.
pub fn matches(
    mut command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, Error> {
    command.build();
    let parsed = command.clone().try_get_matches_from(arguments);
    let is_question = parsed.as_ref().is_err_and(|error| !error.use_stderr());
    // Before an error of the parser, which would only say that the correctly spelt variable is missing.
    if !is_question && let Some(message) = unknown_variables(&command, env::vars_os()) {
        return Err(command.error(ErrorKind::UnknownArgument, message));
    }
    parsed
}

/// Returns a sentence about the variables that the program does not know, if there are any.
fn unknown_variables(
    command: &Command,
    variables: impl Iterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
) -> Option<String> {
    let known = variable_names(command);
    let mut sentences = variables
        .filter_map(|(name, value)| {
            let name = name.as_ref().to_str()?.to_owned();
            let value = value.as_ref().to_string_lossy();
            let unknown =
                name.starts_with(PREFIX) && !known.contains(&name) && !is_service_link(&name, &value);
            unknown.then_some(name)
        })
        .map(|name| {
            let distance = |one: &&String| strsim::damerau_levenshtein(one, &name);
            match known.iter().filter(|one| one.starts_with(PREFIX)).min_by_key(distance) {
                Some(nearest) => format!("{name} is no setting of this program: the nearest is {nearest}"),
                None => format!("{name} is no setting of this program"),
            }
        })
        .collect::<Vec<_>>();
    sentences.sort_unstable();
    (!sentences.is_empty()).then(|| sentences.join("\n       "))
}

/// Returns the names of the variables of a program and of its commands.
fn variable_names(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).map(str::to_owned);
    own.chain(command.get_subcommands().flat_map(variable_names)).collect()
}

/// Returns whether Kubernetes makes such a variable for a Service whose name begins with `rowhouse-`, as it does in each pod of
/// the namespace unless `enableServiceLinks` is false.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    // `…_SERVICE_PORT_GRPC` is the port with the name `grpc`.
    let of_service = name.ends_with("_SERVICE_HOST")
        || is_number(value) && (name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_"));
    let of_port = name.rsplit_once("_PORT_").is_some_and(|(_, port)| {
        // `…_PORT_50053_TCP`, and with `_ADDR`, `_PORT` and `_PROTO`.
        let mut parts = port.split('_');
        parts.next().is_some_and(is_number)
            && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
            && matches!(parts.next(), None | Some("ADDR" | "PORT" | "PROTO"))
            && parts.next().is_none()
    });
    of_service || of_port || name.ends_with("_PORT") && is_url
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn unknown(variables: &[(&str, &str)]) -> Option<String> {
        let setting = |name: &'static str| Arg::new(name).long(name).env(name);
        let inner = Command::new("inner").arg(setting("ROWHOUSE_LOCK_WAIT"));
        let settings = ["ROWHOUSE_DATABASE_POOL_SIZE", "ROWHOUSE_LISTEN", "DATABASE_URL"].map(setting);
        unknown_variables(&Command::new("test").args(settings).subcommand(inner), variables.iter().copied())
    }

    #[test]
    fn a_misspelt_variable_is_named_with_the_nearest_one() {
        let message = unknown(&[("ROWHOUSE_DATABASE_POOLSIZE", "8"), ("ROWHOUSE_LISTEN", "x")]).unwrap();
        assert_eq!(
            message,
            "ROWHOUSE_DATABASE_POOLSIZE is no setting of this program: the nearest is ROWHOUSE_DATABASE_POOL_SIZE"
        );
        let message = unknown(&[("ROWHOUSE_LOCKWAIT", "8"), ("ROWHOUSE_LISTN", "x")]).unwrap();
        assert!(message.contains("ROWHOUSE_LOCK_WAIT") && message.contains("ROWHOUSE_LISTEN"), "{message}");
        assert_eq!(unknown(&[("ROWHOUSE", "x"), ("DATABASE_POOL", "x"), ("ROWHOUSE_LOCK_WAIT", "1")]), None);
    }

    #[test]
    fn the_links_of_kubernetes_are_no_settings() {
        for link in [
            ("ROWHOUSE_ORDERS_SERVICE_HOST", "10.0.0.1"),
            ("ROWHOUSE_ORDERS_SERVICE_PORT", "50053"),
            ("ROWHOUSE_ORDERS_SERVICE_PORT_GRPC", "50053"),
            ("ROWHOUSE_ORDERS_PORT", "tcp://10.0.0.1:50053"),
            ("ROWHOUSE_ORDERS_PORT_50053_TCP", "tcp://10.0.0.1:50053"),
            ("ROWHOUSE_ORDERS_PORT_50053_TCP_PROTO", "tcp"),
            ("ROWHOUSE_ORDERS_PORT_50053_TCP_PORT", "50053"),
            ("ROWHOUSE_ORDERS_PORT_50053_TCP_ADDR", "10.0.0.1"),
        ] {
            assert_eq!(unknown(&[link]), None);
        }
        for setting in [
            ("ROWHOUSE_SMTP_PORT", "25"),
            ("ROWHOUSE_ORDERS_PORT_50053", "1"),
            ("ROWHOUSE_ORDERS_PORT_TCP", "1"),
            ("ROWHOUSE_ORDERS_HOST", "10.0.0.1"),
        ] {
            assert!(unknown(&[setting]).is_some(), "{setting:?}");
        }
    }
}
