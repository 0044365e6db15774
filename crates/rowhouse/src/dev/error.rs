//! The errors of `rowhouse dev`.

use std::io;
use std::path::PathBuf;

use rowhouse_chassis::grpc::BindError;
use rowhouse_chassis::telemetry::TelemetryError;
use rowhouse_tenancy::audit::Violation;

use rowhouse_keys::KeysError;
use rowhouse_migrator::MigrateError;
use rowhouse_postgres::{FindError, NoRandomness, PostgresError};
use rowhouse_system::SystemError;

/// The reason why `rowhouse dev` could not start or has ended, as a message for its user.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Another process uses the directory.
    #[error("another rowhouse dev is running on {} (process {pid}): stop it, or choose another --data-dir", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// The id of the process that uses the directory.
        pid: String,
    },
    /// The directory cannot be used.
    #[error("the data directory cannot be used: {}: {source}; choose another place with --data-dir", path.display())]
    Directory {
        /// The path in it.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// No system runs on the directory, whose database a command needs.
    #[error(
        "no rowhouse dev is running on {}: start it, name its directory with --data-dir, or give the URL of a database with \
         --database-url or DATABASE_URL", .0.display()
    )]
    NotRunning(PathBuf),
    /// The addresses of the running system cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Endpoints {
        /// The file.
        path: PathBuf,
        /// The error of the operating system, or of its contents.
        source: io::Error,
    },
    /// An address cannot be bound.
    #[error("{}", source.to_string().replace("--listen", flag))]
    Listen {
        /// The argument with the address.
        flag: String,
        /// The reason why it is invalid.
        source: BindError,
    },
    /// The passwords cannot be read.
    #[error("{} cannot be read ({source}): put the right file back, or remove {} to start afresh", path.display(), path.with_file_name("").display())]
    Secrets {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        source: serde_json::Error,
    },
    /// The cluster exists, but its password is lost.
    #[error(
        "{} is gone, and with it the password of the database: put it back, or remove {} to start afresh",
        .0.display(), .0.with_file_name("").display()
    )]
    SecretsLost(PathBuf),
    /// The URL has a form into which the services' logins cannot be inserted.
    #[error("DATABASE_URL cannot be read; write postgres://admin:password@host:port/database")]
    DatabaseUrl,
    /// PostgreSQL's programs were not found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The private PostgreSQL could not be started.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// No password could be generated.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The migration failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The audit could not be run.
    #[error("the database cannot be audited: {0}")]
    Audit(#[from] diesel::result::Error),
    /// The audit found violations of the isolation guarantees.
    #[error("the database violates the isolation guarantees:{}", lines(.0))]
    Violations(Vec<Violation>),
    /// The keys cannot be read or created.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A part could not start, or has ended.
    #[error(transparent)]
    System(#[from] SystemError),
    /// PostgreSQL has ended.
    #[error("PostgreSQL stopped by itself: {reason} (its log is {})", log.display())]
    PostgresEnded {
        /// The last line of its log.
        reason: String,
        /// The path of its log.
        log: PathBuf,
    },
    /// Telemetry cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Signals cannot be received.
    #[error("signals cannot be waited for: {0}")]
    Signals(#[source] io::Error),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().fold(String::new(), |lines, violation| format!("{lines}\n  {violation}"))
}
