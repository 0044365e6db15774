//! [`OrdersArgs`], the arguments that only the orders service has.

use std::path::PathBuf;

use clap::Args;
use rowhouse_jobs::WorkerArgs;

/// The arguments of the orders service besides those of every service.
#[derive(Args, Clone, Debug)]
pub struct OrdersArgs {
    /// File with the keys that encrypt secrets in the database, such as those of webhooks: one key per line, 32 random
    /// bytes in base64; the first key encrypts, all of them decrypt
    #[arg(long, env = "ROWHOUSE_ENCRYPTION_KEYS", value_name = "FILE")]
    pub encryption_keys: PathBuf,
    /// The job workers.
    #[command(flatten)]
    pub jobs: WorkerArgs,
}
