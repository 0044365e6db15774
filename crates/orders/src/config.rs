//! What can be configured.

use std::path::PathBuf;

use clap::Parser;
use rowhouse_chassis::config::{DatabaseArgs, Environment, GrpcArgs, TelemetryArgs, TrustArgs};
use rowhouse_jobs::WorkerArgs;

/// Rowhouse's orders service: the orders of each tenant.
#[derive(Clone, Debug, Parser)]
#[command(name = "rowhouse-orders", version)]
pub struct Config {
    /// File with the keys that encrypt what the database must not be able to read, such as the secrets of webhooks: one a
    /// line, each 32 random bytes in base64; the first encrypts, all of them decrypt
    #[arg(long, env = "ROWHOUSE_ENCRYPTION_KEYS", value_name = "FILE")]
    pub encryption_keys: PathBuf,
    /// Where it listens.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Its database, as the role `rowhouse_orders`.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Whose tokens it believes.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Development or production.
    #[command(flatten)]
    pub environment: Environment,
    /// How its jobs are worked off.
    #[command(flatten)]
    pub jobs: WorkerArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_argument_has_a_variable_and_a_help_text() {
        let command = Config::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_env().is_some(), "{argument:?}");
            assert!(argument.get_help().is_some(), "{argument:?}");
        }
    }
}
