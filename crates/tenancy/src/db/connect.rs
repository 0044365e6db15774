//! How a connection is made.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where the database is and how many connections to hold.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `postgres://role:password@host:port/database`, or libpq's `key=value` form. With `sslmode=require`
    /// the connection is encrypted and the server's certificate verified; otherwise it is in the clear.
    pub url: String,
    /// The most connections that are open at once. At least 1.
    pub pool_size: u32,
    /// How long a transaction waits for a free connection.
    pub acquire_timeout: Duration,
    /// The certificates, in PEM, of the authorities that may have signed the server's. Needed by
    /// `sslmode=require`.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for DatabaseConfig {
    /// Leaves the address out: it holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("pool_size", &self.pool_size)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// Why no database could be reached at start. No variant shows the address, which holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error("the database URL cannot be read ({0}); write postgres://role:password@host:port/database")]
    Url(#[source] tokio_postgres::Error),
    /// `sslmode=require` without a certificate authority.
    #[error("sslmode=require needs the file with the certificates that the server's is checked against")]
    NoAuthority,
    /// The file of certificates cannot be used.
    #[error("the certificates in {path} cannot be used: {reason}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not answer, or refuses the role.
    #[error("no connection to the database: {0}")]
    Refused(String),
    /// A pooler that mixes prepared statements up.
    #[error(
        "the pooler in front of the database loses prepared statements between transactions: use session \
         pooling, or PgBouncer 1.21 or newer with max_prepared_statements above 0"
    )]
    Pooler,
}

/// Makes connections and cancels statements, over the same kind of channel.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(super) fn new(database: &DatabaseConfig) -> Result<Self, ConnectError> {
        let config: Config = database.url.parse().map_err(ConnectError::Url)?;
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(verified_tls(database)?),
            _ => None,
        };
        Ok(Self { config, tls })
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) const fn tls(&self) -> Option<&MakeRustlsConnect> {
        self.tls.as_ref()
    }

    pub(super) async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let refused = |error: tokio_postgres::Error| ConnectionError::BadConnection(describe(&error));
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await.map_err(refused)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        } else {
            let (client, connection) = self.config.connect(NoTls).await.map_err(refused)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        }
    }

    /// A connection without diesel, closed when the client is dropped.
    pub(super) async fn client(&self) -> Result<Client, ConnectError> {
        let refused = |error: tokio_postgres::Error| ConnectError::Refused(describe(&error));
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await.map_err(refused)?;
            tokio::spawn(connection);
            Ok(client)
        } else {
            let (client, connection) = self.config.connect(NoTls).await.map_err(refused)?;
            tokio::spawn(connection);
            Ok(client)
        }
    }

    /// Asks the server to give up the statement that the token's connection is running.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = match &self.tls {
            Some(tls) => token.cancel_query(tls.clone()).await,
            None => token.cancel_query(NoTls).await,
        };
        if let Err(error) = asked {
            // The connection is closed anyway; the server's statement_timeout ends what still runs.
            tracing::debug!(%error, "an abandoned statement could not be cancelled");
        }
    }
}

/// The server's own words where there are any: tokio-postgres prints only "db error" at the top.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(server), _) => server.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn verified_tls(database: &DatabaseConfig) -> Result<MakeRustlsConnect, ConnectError> {
    let path = database.ca_file.as_ref().ok_or(ConnectError::NoAuthority)?;
    let unusable = |reason: String| ConnectError::Authority { path: path.clone(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
