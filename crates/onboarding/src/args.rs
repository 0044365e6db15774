//! [`OnboardingArgs`], the arguments that only the onboarding service has.

use clap::Args;
use rowhouse_chassis::config::{CallTlsArgs, SigningArgs};
use rowhouse_jobs::WorkerArgs;

/// The arguments of the onboarding service besides those of every service.
#[derive(Args, Clone, Debug)]
pub struct OnboardingArgs {
    /// Cost of the bcrypt hash by which a repeated sign-up is recognised; use the auth service's cost
    #[arg(
        long,
        env = "ROWHOUSE_BCRYPT_COST",
        value_name = "COST",
        default_value = "12",
        value_parser = clap::value_parser!(u32).range(4..=18),
    )]
    pub bcrypt_cost: u32,
    /// URL of the auth service, such as `https://rowhouse-auth:50051`; calls are spread over all addresses of the name, or over
    /// several URLs separated by commas
    #[arg(long, env = "ROWHOUSE_AUTH_ENDPOINT", value_name = "URL")]
    pub auth_endpoint: String,
    /// URL of the orders service, such as `https://rowhouse-orders:50053`; the same applies to it
    #[arg(long, env = "ROWHOUSE_ORDERS_ENDPOINT", value_name = "URL")]
    pub orders_endpoint: String,
    /// The authorities of auth's and orders' certificates.
    #[command(flatten)]
    pub calls: CallTlsArgs,
    /// The keys that sign tokens for calls to auth and orders.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// The job workers.
    #[command(flatten)]
    pub jobs: WorkerArgs,
    /// Time after which the record of a set-up that has ended, and the key of a sign-up, are deleted, in days; 7 at least
    #[arg(
        long,
        env = "ROWHOUSE_ONBOARDING_RETENTION",
        value_name = "DAYS",
        default_value_t = Self::RETENTION,
        value_parser = clap::value_parser!(i32).range(7..=36_500),
        help_heading = "Retention",
    )]
    pub onboarding_retention: i32,
}

impl OnboardingArgs {
    /// The default of `onboarding_retention`.
    pub const RETENTION: i32 = 30;
}
