//! [`ConnectError`], the reason why there is no connection.

use std::path::PathBuf;

use rowhouse_connection::{AddressError, ConnectFailure};

/// The reason why no connection could be made. No variant shows the address, which contains a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is invalid, or not encrypted where it has to be.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The file with the address cannot be read.
    #[error("the file with the database URL, {path}, cannot be read: {reason}")]
    UrlFile {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: std::io::Error,
    },
    /// The file with the address names another role than it did first, such as another service's.
    #[error(
        "the file with the database URL, {path}, names the role {found}, and this program works as {expected}"
    )]
    OtherRole {
        /// The file.
        path: PathBuf,
        /// The role of the file now.
        found: String,
        /// The role that it named first.
        expected: String,
    },
    /// The server does not answer, or refuses the role.
    #[error("no connection to the database: {0}")]
    Refused(String),
    /// The pooler loses prepared statements.
    #[error(
        "the pooler in front of the database loses prepared statements between transactions: use session \
         pooling, or PgBouncer 1.21 or newer with max_prepared_statements above 0"
    )]
    Pooler,
    /// A setting of the server, the database or the role would make results wrong. The text names it and the remedy.
    #[error("the database's settings are refused: {0}")]
    Setting(String),
    /// The server is read-only.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
}

impl From<ConnectFailure> for ConnectError {
    fn from(failure: ConnectFailure) -> Self {
        Self::Refused(failure.to_string())
    }
}
