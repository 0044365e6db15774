//! What can be configured.

use std::time::Duration;

use clap::Parser;
use rowhouse_chassis::config::{
    DatabaseArgs, Environment, GrpcArgs, SigningArgs, TelemetryArgs, TrustArgs, seconds,
};

/// The longest life of an access token. A member who was removed keeps access for as long.
const LONGEST_TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// Rowhouse's auth service: logs people in and signs their access tokens.
#[derive(Clone, Debug, Parser)]
#[command(name = "rowhouse-auth", version)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Its database, as the role `rowhouse_auth`.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Whose tokens it believes: its own, and those of the services that call it.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The key of the access tokens.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Development or production.
    #[command(flatten)]
    pub environment: Environment,
    /// Cost of a password's hash: each step doubles the time; at least 10 in production
    #[arg(
        long,
        env = "ROWHOUSE_BCRYPT_COST",
        value_name = "COST",
        default_value = "12",
        value_parser = clap::value_parser!(u32).range(4..=18),
    )]
    pub bcrypt_cost: u32,
    /// Life of an access token in seconds, 600 at most
    #[arg(
        long,
        env = "ROWHOUSE_TOKEN_LIFETIME",
        value_name = "SECONDS",
        default_value = "600",
        value_parser = token_lifetime,
    )]
    pub token_lifetime: Duration,
}

fn token_lifetime(text: &str) -> Result<Duration, String> {
    match seconds(text).map_err(|error| error.to_string())? {
        Duration::ZERO => Err("it would have expired already".to_owned()),
        lifetime if lifetime > LONGEST_TOKEN_LIFETIME => Err("600 seconds is the most".to_owned()),
        lifetime => Ok(lifetime),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &str) -> Result<Config, clap::Error> {
        let needed =
            "rowhouse-auth --listen 127.0.0.1:0 --database-url postgres:/// --trust-dir t --signing-key k";
        Config::try_parse_from(needed.split(' ').chain(arguments.split_whitespace()))
    }

    #[test]
    fn every_argument_has_a_variable_and_a_help_text() {
        let command = Config::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_env().is_some(), "{argument:?}");
            assert!(argument.get_help().is_some(), "{argument:?}");
        }
    }

    #[test]
    fn values() {
        let config = parse("").unwrap();
        assert_eq!((config.bcrypt_cost, config.token_lifetime), (12, Duration::from_mins(10)));
        assert_eq!(parse("--token-lifetime 60").unwrap().token_lifetime, Duration::from_mins(1));
        for refused in [
            "--token-lifetime 601",
            "--token-lifetime 0",
            "--token-lifetime -1",
            "--bcrypt-cost 3",
            "--bcrypt-cost 31",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
