//! Connecting to PostgreSQL, and cancelling statements.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rowhouse_connection::{Address, ConnectFailure, Driver, PresentedCertificate, into_diesel};
use tokio_postgres::{CancelToken, Client};

use super::config::DatabaseConfig;
use super::connect_error::ConnectError;
use super::session::{self, SessionState};

/// The default time limit for a host to accept a connection; `connect_timeout` in the URL overrides it.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit for a connection, from its beginning until it can be used.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Makes connections and cancels statements, with the same TLS settings. If the address and the certificates are in
/// files, it reads them for every connection.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<DatabaseConfig>,
    /// The role of the first address that was read from the file.
    role: Arc<OnceLock<String>>,
    presented: PresentedCertificate,
    /// Only for a check of the configuration: no connection is made.
    unconnected: bool,
}

impl Connector {
    pub(super) fn new(config: &DatabaseConfig) -> Self {
        Self {
            config: Arc::new(config.clone()),
            role: Arc::default(),
            presented: PresentedCertificate::default(),
            unconnected: false,
        }
    }

    /// Checks the address and the files of certificates, and returns a connector that makes no connection.
    pub(super) async fn unconnected(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        let connector = Self::new(config);
        connector.address().await?.check_files().await.map_err(ConnectFailure::from)?;
        Ok(Self { unconnected: true, ..connector })
    }

    async fn address(&self) -> Result<Address, ConnectError> {
        let Self { config, .. } = self;
        let read;
        let url = if let Some(path) = &config.url_file {
            let content = tokio::fs::read_to_string(path).await;
            read = content.map_err(|reason| ConnectError::UrlFile { path: path.clone(), reason })?;
            read.trim()
        } else {
            &config.url
        };
        let mut address = Address::parse(url, config.ca_file.as_deref())?;
        if let Some(path) = &config.url_file {
            self.check_role(path, &address)?;
        }
        address.remember_certificate(&self.presented);
        if config.refuse_plaintext {
            address.refuse_plaintext()?;
        }
        if address.config().get_connect_timeout().is_none() {
            address.config_mut().connect_timeout(HOST_TIMEOUT);
        }
        Ok(address)
    }

    /// Refuses an address with another role than the first one's. A pool with such connections would fail in every query, and keep
    /// them after the file is right again.
    fn check_role(&self, path: &Path, address: &Address) -> Result<(), ConnectError> {
        let found = address.config().get_user().unwrap_or_default();
        let expected = self.role.get_or_init(|| found.to_owned());
        if found == expected {
            return Ok(());
        }
        let (path, found, expected) = (path.to_owned(), found.to_owned(), expected.clone());
        Err(ConnectError::OtherRole { path, found, expected })
    }

    /// Returns the address to connect to.
    async fn reachable(&self) -> Result<Address, ConnectError> {
        if self.unconnected {
            return Err(ConnectError::Refused("only the configuration is checked".to_owned()));
        }
        self.address().await
    }

    /// Returns the time since 1970 at which the server's certificate expires.
    pub(super) fn certificate_expiry(&self) -> Option<Duration> {
        self.presented.expiry()
    }

    /// Returns the role of the address.
    pub(super) async fn role(&self) -> Result<String, ConnectError> {
        Ok(self.address().await?.config().get_user().unwrap_or_default().to_owned())
    }

    /// Makes a connection for the pool, applies the session's settings and checks the others.
    pub(super) async fn connect(&self) -> Result<(AsyncPgConnection, SessionState), ConnectError> {
        in_time(async {
            let (client, driver) = self.reachable().await?.connect().await?;
            let refused = |error: diesel::ConnectionError| ConnectError::Refused(error.to_string());
            let mut conn = into_diesel(client, driver).await.map_err(refused)?;
            let session = session::begin(&mut conn).await?;
            Ok((conn, session))
        })
        .await
    }

    /// Makes a connection without diesel and with the settings that the server, the database and the role preset.
    pub(super) async fn open(&self) -> Result<(Client, Driver), ConnectError> {
        in_time(async { Ok(self.reachable().await?.connect().await?) }).await
    }

    /// Makes such a connection and drives it in the background. It closes when the client is dropped.
    pub(super) async fn client(&self) -> Result<Client, ConnectError> {
        let (client, driver) = self.open().await?;
        tokio::spawn(driver.run());
        Ok(client)
    }

    /// Asks the server to cancel the statement that the token's connection is running.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = match self.reachable().await {
            Ok(address) => address.cancel(token).await.map_err(ConnectError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            // The connection is closed anyway, and the server's statement_timeout ends the statement.
            tracing::debug!(%error, "an abandoned statement could not be cancelled");
        }
    }
}

async fn in_time<T>(connecting: impl Future<Output = Result<T, ConnectError>>) -> Result<T, ConnectError> {
    match tokio::time::timeout(TIMEOUT, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(ConnectError::Refused(format!(
            "the database's host took the connection and did not answer within {} s",
            TIMEOUT.as_secs()
        ))),
    }
}
