//! [`DatabaseConfig`], the address of the database and the settings of the pool.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The address of the database and the settings of the pool.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// The URL, as `postgres://role:password@host:port/database` or in libpq's `key=value` form, with libpq's TLS parameters.
    pub url: String,
    /// A file that contains the URL and overrides `url`. It is read for each new connection, so a password can be changed
    /// without a restart.
    pub url_file: Option<PathBuf>,
    /// The largest number of open connections. At least 1.
    pub pool_size: u32,
    /// The time for which a transaction waits for a free connection.
    pub acquire_timeout: Duration,
    /// The longest lifetime of a connection. Each one ends up to a fifth earlier, so that not all end at once.
    pub max_lifetime: Duration,
    /// A PEM file of the certificate authorities that the server's certificate is verified against, unless the URL names one
    /// with `sslrootcert`.
    pub ca_file: Option<PathBuf>,
    /// True if an address beyond this machine is refused if its `sslmode` does not demand TLS.
    pub refuse_plaintext: bool,
}

impl DatabaseConfig {
    /// The default of `max_lifetime`.
    pub const MAX_LIFETIME: Duration = Duration::from_mins(30);

    /// Creates a configuration for the database at `url`, with defaults for the rest.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            url_file: None,
            pool_size: 8,
            acquire_timeout: Duration::from_secs(5),
            max_lifetime: Self::MAX_LIFETIME,
            ca_file: None,
            refuse_plaintext: false,
        }
    }
}

impl fmt::Debug for DatabaseConfig {
    /// Leaves out the URL, which contains a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url_file", &self.url_file)
            .field("pool_size", &self.pool_size)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("ca_file", &self.ca_file)
            .field("refuse_plaintext", &self.refuse_plaintext)
            .finish_non_exhaustive()
    }
}
