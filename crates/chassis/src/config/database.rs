//! [`DatabaseArgs`], the arguments for a service's connection to PostgreSQL.

use std::fmt;
use std::num::{NonZeroU64, ParseIntError};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rowhouse_tenancy::DatabaseConfig;

use super::{Environment, seconds};

/// The arguments for a service's connection to PostgreSQL.
#[derive(Args, Clone)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// URL of the database, with the service's own role: `postgres://role:password@host/database?sslmode=verify-full`; in
    /// production sslmode has to be require, verify-ca or verify-full, unless the database is on this machine
    #[arg(
        id = "database_url",
        long = "database-url",
        env = "DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        required_unless_present = "database_url_file",
        default_value = "",
        hide_default_value = true
    )]
    pub url: String,
    /// File that contains the URL and overrides --database-url; it is read for each new connection, so the password in it may
    /// change
    #[arg(
        id = "database_url_file",
        long = "database-url-file",
        env = "ROWHOUSE_DATABASE_URL_FILE",
        value_name = "FILE"
    )]
    pub url_file: Option<PathBuf>,
    /// Maximum number of open connections
    #[arg(
        id = "database_pool_size",
        long = "database-pool-size",
        env = "ROWHOUSE_DATABASE_POOL_SIZE",
        value_name = "CONNECTIONS",
        default_value = "8",
        value_parser = clap::value_parser!(u32).range(1..=10_000),
    )]
    pub pool_size: u32,
    /// Maximum time to wait for a free connection, in seconds
    #[arg(
        id = "database_acquire_timeout",
        long = "database-acquire-timeout",
        env = "ROWHOUSE_DATABASE_ACQUIRE_TIMEOUT",
        value_name = "SECONDS",
        default_value = "5",
        value_parser = seconds,
    )]
    pub acquire_timeout: Duration,
    /// Maximum lifetime of a connection, in seconds
    #[arg(
        id = "database_max_lifetime",
        long = "database-max-lifetime",
        env = "ROWHOUSE_DATABASE_MAX_LIFETIME",
        value_name = "SECONDS",
        default_value = "1800",
        value_parser = seconds,
    )]
    pub max_lifetime: Duration,
    /// PEM file with the authorities that may have signed the database's certificate, or `system` for those of the operating
    /// system; sslrootcert in the URL overrides it. It is read for each new connection
    #[arg(
        id = "database_ca_file",
        long = "database-ca-file",
        env = "ROWHOUSE_DATABASE_CA_FILE",
        value_name = "FILE"
    )]
    pub ca_file: Option<PathBuf>,
    /// Interval at which a running service audits its schema, in seconds; it takes less than half a second
    #[arg(
        id = "audit_interval",
        long = "audit-interval",
        env = "ROWHOUSE_AUDIT_INTERVAL",
        value_name = "SECONDS",
        default_value = "3600",
        value_parser = interval,
    )]
    pub audit_interval: Duration,
}

fn interval(text: &str) -> Result<Duration, ParseIntError> {
    text.parse::<NonZeroU64>().map(|interval| Duration::from_secs(interval.get()))
}

impl DatabaseArgs {
    /// Creates arguments for the database at `url`, with defaults for the rest.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let DatabaseConfig { url, url_file, pool_size, acquire_timeout, max_lifetime, ca_file, .. } =
            DatabaseConfig::new(url);
        let audit_interval = Duration::from_hours(1);
        Self { url, url_file, pool_size, acquire_timeout, max_lifetime, ca_file, audit_interval }
    }

    /// Returns the configuration for the `tenancy` crate. In production the connection has to be encrypted, unless the database is
    /// on this machine.
    #[must_use]
    pub fn to_config(&self, environment: Environment) -> DatabaseConfig {
        DatabaseConfig {
            url: self.url.clone(),
            url_file: self.url_file.clone(),
            pool_size: self.pool_size,
            acquire_timeout: self.acquire_timeout,
            max_lifetime: self.max_lifetime,
            ca_file: self.ca_file.clone(),
            refuse_plaintext: environment.is_production(),
        }
    }
}

impl fmt::Debug for DatabaseArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL contains the password.
        f.debug_struct("DatabaseArgs")
            .field("pool_size", &self.pool_size)
            .field("url_file", &self.url_file)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("ca_file", &self.ca_file)
            .field("audit_interval", &self.audit_interval)
            .finish_non_exhaustive()
    }
}
