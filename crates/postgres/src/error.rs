//! Why there is no cluster.

use std::io;
use std::path::PathBuf;

use super::NoRandomness;

/// Why a private cluster does not run. Each is a sentence for the person who wanted it.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Root, and nobody else to be.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user postgres nor nobody: run as another user"
    )]
    NoUser,
    /// A parent directory is closed to the user that the server runs as.
    #[error(
        "the user {user}, as whom PostgreSQL runs because you are root, cannot get into {}: \
         choose a directory that is open to it, such as --data-dir /var/tmp/rowhouse", directory.display()
    )]
    OutOfReach {
        /// The cluster's directory.
        directory: PathBuf,
        /// Whose way is barred.
        user: &'static str,
    },
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program cannot be run.
    #[error("{} cannot be run: {source}", program.display())]
    Run {
        /// Which.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory holds something, and it is not a cluster.
    #[error("{} is not a PostgreSQL data directory: move it away, or choose another place with --data-dir", .0.display())]
    NotACluster(PathBuf),
    /// Made by another major version.
    #[error(
        "{} was made by PostgreSQL {found}, and this is PostgreSQL {installed}: set PG_BIN_DIR to the directory of \
         version {found}'s programs, choose another place with --data-dir, or remove it to start afresh",
        directory.display()
    )]
    OtherVersion {
        /// The data directory.
        directory: PathBuf,
        /// What it says.
        found: String,
        /// The version of the programs.
        installed: u32,
    },
    /// `initdb` failed.
    #[error("PostgreSQL could not make its data directory: {0}")]
    Initdb(String),
    /// The server of an earlier start cannot be ended.
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
        /// The last thing that it said.
        reason: String,
        /// Where it says things.
        log: PathBuf,
    },
    /// The server runs and accepts no connection.
    #[error("PostgreSQL accepts no connection: {reason} (its log is {})", log.display())]
    Unready {
        /// What a connection got as the answer.
        reason: String,
        /// Where the server says things.
        log: PathBuf,
    },
    /// The password is not the cluster's.
    #[error(
        "the password in secrets.json is not the one of the cluster in {}: put the right file back, or remove the \
         directory to start afresh", .0.display()
    )]
    WrongPassword(PathBuf),
    /// No password could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}
