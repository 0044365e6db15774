//! The arguments that this service alone has.

use std::path::PathBuf;

use clap::Args;
use rowhouse_jobs::WorkerArgs;

/// The arguments of the orders service alone.
#[derive(Args, Clone, Debug)]
pub struct OrdersArgs {
    /// File with the keys that encrypt what the database must not be able to read, such as the secrets of webhooks: one a
    /// line, each 32 random bytes in base64; the first encrypts, all of them decrypt
    #[arg(long, env = "ROWHOUSE_ENCRYPTION_KEYS", value_name = "FILE")]
    pub encryption_keys: PathBuf,
    /// The job workers.
    #[command(flatten)]
    pub jobs: WorkerArgs,
}
