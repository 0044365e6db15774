//! [`ConnectFailure`], the reason why a connection failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rowhouse_tls::TlsFileError;
use tokio_postgres::error::SqlState;

use crate::negotiate::TlsFailure;

/// The reason why a connection failed. Its text names the cause first (the password, the host, the number of connections), then
/// the message of the server or the operating system. It contains no password.
#[derive(Debug)]
pub enum ConnectFailure {
    /// The server refused the connection, or the protocol or TLS failed.
    Postgres(tokio_postgres::Error),
    /// The socket could not be opened.
    Socket(io::Error),
    /// The files of certificates cannot be used.
    Files(TlsFileError),
}

impl ConnectFailure {
    /// Returns the SQLSTATE if the server refused the connection.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::Socket(_) | Self::Files(_) => None,
        }
    }

    /// Returns whether the server refused TLS, or its TLS was refused.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Postgres(error) if tls_failure(error).is_some())
    }
}

fn tls_failure(error: &tokio_postgres::Error) -> Option<&TlsFailure> {
    error.source()?.downcast_ref()
}

impl From<TlsFileError> for ConnectFailure {
    fn from(error: TlsFileError) -> Self {
        Self::Files(error)
    }
}

impl From<tokio_postgres::Error> for ConnectFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<io::Error> for ConnectFailure {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::Socket(error) => return unreachable(f, error),
            Self::Files(error) => return error.fmt(f),
            Self::Postgres(error) => error,
        };
        if let Some(server) = error.as_db_error() {
            let code = server.code().code();
            write!(f, "{}: {} (SQLSTATE {code})", cause(code), server.message())?;
            return server.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"));
        }
        if let Some(failure) = tls_failure(error) {
            return failure.fmt(f);
        }
        match error.source() {
            // Failures of TLS have the kind `InvalidData`.
            Some(source) => match source.downcast_ref::<io::Error>() {
                Some(io) if io.kind() != io::ErrorKind::InvalidData => unreachable(f, io),
                _ => write!(f, "{error}: {source}"),
            },
            None if error.is_closed() => write!(f, "the server closed the connection at once"),
            None => error.fmt(f),
        }
    }
}

impl StdError for ConnectFailure {}

fn unreachable(f: &mut fmt::Formatter<'_>, error: &io::Error) -> fmt::Result {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            write!(f, "nothing listens at the database's host and port: {error}")
        }
        io::ErrorKind::TimedOut => write!(f, "the database's host does not answer: {error}"),
        _ => write!(f, "the database's host cannot be reached: {error}"),
    }
}

/// Returns the cause of a refusal with this SQLSTATE.
fn cause(code: &str) -> &'static str {
    match code {
        "28P01" => "the server refuses the password",
        "3D000" => "the server has no such database",
        "53300" => "the server has no connection to spare",
        "57P03" => "the server is starting up or shutting down",
        _ if code.starts_with("28") => "the server refuses the role",
        _ if code.starts_with("53") => "the server is short of resources",
        _ if code.starts_with("57P") => "the server is going away",
        _ => "the server refuses the connection",
    }
}
