//! Why the system does not run.

use std::io;
use std::path::PathBuf;

use rowhouse_chassis::grpc::BindError;
use rowhouse_chassis::telemetry::TelemetryError;
use rowhouse_tenancy::audit::Violation;

use rowhouse_keys::KeysError;
use rowhouse_migrator::MigrateError;
use rowhouse_postgres::{FindError, NoRandomness, PostgresError};
use rowhouse_system::SystemError;

/// Why `rowhouse dev` does not start, or stopped. Each is a sentence for the person who wanted it.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Somebody has the directory.
    #[error("another rowhouse dev is running on {} (process {pid}): stop it, or choose another --data-dir", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        pid: String,
    },
    /// The directory cannot be used.
    #[error("the data directory cannot be used: {}: {source}; choose another place with --data-dir", path.display())]
    Directory {
        /// What in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("{}", source.to_string().replace("--listen", flag))]
    Listen {
        /// The argument that says which.
        flag: String,
        /// What is wrong with it.
        source: BindError,
    },
    /// The passwords cannot be read.
    #[error("{} cannot be read ({source}): put the right file back, or remove {} to start afresh", path.display(), path.with_file_name("").display())]
    Secrets {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is a cluster whose password is lost.
    #[error(
        "{} is gone, and with it the password of the database: put it back, or remove {} to start afresh",
        .0.display(), .0.with_file_name("").display()
    )]
    SecretsLost(PathBuf),
    /// The URL is in a form in which the services' logins cannot be put.
    #[error("DATABASE_URL cannot be read; write postgres://admin:password@host:port/database")]
    DatabaseUrl,
    /// There is no PostgreSQL.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The private PostgreSQL does not run.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// No password can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database is not up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The audit could not be run.
    #[error("the database cannot be audited: {0}")]
    Audit(#[from] diesel::result::Error),
    /// The walls have holes.
    #[error("the database's walls have holes:{}", lines(.0))]
    Walls(Vec<Violation>),
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A part does not start, or ended.
    #[error(transparent)]
    System(#[from] SystemError),
    /// PostgreSQL ended.
    #[error("PostgreSQL stopped by itself: {reason} (its log is {})", log.display())]
    PostgresEnded {
        /// The last thing that it said.
        reason: String,
        /// Where it says things.
        log: PathBuf,
    },
    /// Logs and traces.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signals(#[source] io::Error),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().fold(String::new(), |lines, violation| format!("{lines}\n  {violation}"))
}
