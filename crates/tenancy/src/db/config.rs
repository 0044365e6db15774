//! Where the database is, and what the pool may do.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where the database is and how many connections to hold.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `postgres://role:password@host:port/database`, or libpq's `key=value` form. With `sslmode=require`
    /// the connection is encrypted and the server's certificate verified; otherwise it is in the clear.
    pub url: String,
    /// A file with the URL, which counts instead. Read for each new connection, so that a password may change.
    pub url_file: Option<PathBuf>,
    /// The most connections that are open at once. At least 1.
    pub pool_size: u32,
    /// How long a transaction waits for a free connection.
    pub acquire_timeout: Duration,
    /// The longest life of a connection. Some end up to a fifth sooner, so that not all do at once.
    pub max_lifetime: Duration,
    /// The certificates, in PEM, of the authorities that may have signed the server's. Needed by
    /// `sslmode=require`.
    pub ca_file: Option<PathBuf>,
}

impl DatabaseConfig {
    /// The longest life of a connection, if nothing else is said.
    pub const MAX_LIFETIME: Duration = Duration::from_mins(30);

    /// The database at `url`, the rest by default.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            url_file: None,
            pool_size: 8,
            acquire_timeout: Duration::from_secs(5),
            max_lifetime: Self::MAX_LIFETIME,
            ca_file: None,
        }
    }
}

impl fmt::Debug for DatabaseConfig {
    /// Leaves the address out: it holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url_file", &self.url_file)
            .field("pool_size", &self.pool_size)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}
