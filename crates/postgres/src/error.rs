//! The errors of private clusters.

use std::io;
use std::path::PathBuf;

use super::NoRandomness;

/// The reason why a private cluster does not run, as a message for its user.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The process runs as root, and there is no other account for PostgreSQL.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user postgres nor nobody: run as another user"
    )]
    NoUser,
    /// The server's account cannot enter a parent directory.
    #[error(
        "the user {user}, as whom PostgreSQL runs because you are root, cannot get into {}: \
         choose a directory that is open to it, such as --data-dir /var/tmp/rowhouse", directory.display()
    )]
    OutOfReach {
        /// The cluster's directory.
        directory: PathBuf,
        /// The account.
        user: &'static str,
    },
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A program cannot be run.
    #[error("{} cannot be run: {source}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The directory is not empty and not a cluster.
    #[error("{} is not a PostgreSQL data directory: move it away, or choose another place with --data-dir", .0.display())]
    NotACluster(PathBuf),
    /// The cluster was created by another major version.
    #[error(
        "{} was made by PostgreSQL {found}, and this is PostgreSQL {installed}: set PG_BIN_DIR to the directory of \
         version {found}'s programs, choose another place with --data-dir, or remove it to start afresh",
        directory.display()
    )]
    OtherVersion {
        /// The data directory.
        directory: PathBuf,
        /// The version of the cluster.
        found: String,
        /// The version of the programs.
        installed: u32,
    },
    /// `initdb` failed.
    #[error("PostgreSQL could not make its data directory: {0}")]
    Initdb(String),
    /// The server of an earlier start cannot be stopped.
    #[error("PostgreSQL (process {pid}) still runs on {} and does not stop: end it, then start again", directory.display())]
    StillRunning {
        /// The data directory.
        directory: PathBuf,
        /// The server's process.
        pid: i32,
    },
    /// The server ended instead of serving.
    #[error("PostgreSQL did not start: {reason} (its log is {})", log.display())]
    Ended {
        /// The last line of its log.
        reason: String,
        /// The path of its log.
        log: PathBuf,
    },
    /// The server runs and accepts no connection.
    #[error("PostgreSQL accepts no connection: {reason} (its log is {})", log.display())]
    Unready {
        /// The answer to a connection.
        reason: String,
        /// The path of the server's log.
        log: PathBuf,
    },
    /// The password is not the cluster's.
    #[error(
        "the password in secrets.json is not the one of the cluster in {}: put the right file back, or remove the \
         directory to start afresh", .0.display()
    )]
    WrongPassword(PathBuf),
    /// No password could be generated.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}
