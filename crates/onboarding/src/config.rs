//! What can be configured.

use clap::Parser;
use rowhouse_chassis::config::{
    DatabaseArgs, Environment, GrpcArgs, ProxyArgs, SigningArgs, TelemetryArgs, TrustArgs,
};
use rowhouse_jobs::WorkerArgs;

/// Rowhouse's onboarding service: brings tenants and their first owners into being.
#[derive(Clone, Debug, Parser)]
#[command(name = "rowhouse-onboarding", version)]
pub struct Config {
    /// Cost of the hash by which a repeated request is told from another: what auth's is
    #[arg(
        long,
        env = "ROWHOUSE_BCRYPT_COST",
        value_name = "COST",
        default_value = "12",
        value_parser = clap::value_parser!(u32).range(4..=18),
    )]
    pub bcrypt_cost: u32,
    /// Where the auth service is
    #[arg(long, env = "ROWHOUSE_AUTH_ENDPOINT", value_name = "http://HOST:PORT")]
    pub auth_endpoint: String,
    /// Where the orders service is
    #[arg(long, env = "ROWHOUSE_ORDERS_ENDPOINT", value_name = "http://HOST:PORT")]
    pub orders_endpoint: String,
    /// Where it listens.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Its database, as the role `rowhouse_onboarding`.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Whose tokens it believes.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The keys of the tokens that it calls auth with.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Development or production.
    #[command(flatten)]
    pub environment: Environment,
    /// Whom it believes about where a sign-up comes from: the gateway.
    #[command(flatten)]
    pub proxies: ProxyArgs,
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
