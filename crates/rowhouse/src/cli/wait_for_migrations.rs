//! The command `rowhouse wait-for-migrations`, which a roll-out runs before a service.

use std::time::{Duration, Instant};

use super::output::note;
use clap::Args;
use rowhouse_chassis::config::{DatabaseArgs, Environment, seconds};
use rowhouse_chassis::database::{DatabaseError, check_schema};
use rowhouse_tenancy::ConnectError;

/// The time between two looks at the database.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) const EXAMPLES: &str =
    "Connects with a service's own login, which exists with its password after the first migration. The exit code is 0 as soon as the
schema is new enough for the services of this release, and 1 if it is too new for them or the time is over.

Examples:
  rowhouse wait-for-migrations --database-url postgres://rowhouse_orders:secret@db/rowhouse
  DATABASE_URL=postgres://rowhouse_orders:secret@db/rowhouse rowhouse wait-for-migrations --migration-wait 60";

#[derive(Args)]
pub(super) struct WaitArgs {
    /// Maximum time to wait, in seconds
    #[arg(long, env = "ROWHOUSE_MIGRATION_WAIT", value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    migration_wait: Duration,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    environment: Environment,
}

pub(super) async fn run(args: WaitArgs) -> Result<(), DatabaseError> {
    let begun = Instant::now();
    let mut last = String::new();
    while let Err(error) = check_schema(&args.database, args.environment).await {
        if is_final(&error) || begun.elapsed() >= args.migration_wait {
            return Err(error);
        }
        let reason = error.to_string();
        if reason != last {
            note!("waiting: {reason}");
            last = reason;
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Ok(())
}

/// Returns whether no migration changes this.
const fn is_final(error: &DatabaseError) -> bool {
    matches!(
        error,
        DatabaseError::SchemaTooNew { .. }
            | DatabaseError::Connect(ConnectError::Address(_) | ConnectError::Pooler)
    )
}
