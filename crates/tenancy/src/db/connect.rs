//! How a connection is made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rowhouse_connection::{Address, AddressError, ConnectFailure, Driver, into_diesel};
use tokio_postgres::{CancelToken, Client};

use super::DatabaseConfig;
use super::session::{self, Session};

/// How long a host may take to accept a connection, if the URL says nothing else.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Why no database could be reached. No variant shows the address, which holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address, or the file of certificates, cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The file with the address cannot be read.
    #[error("the file with the database URL, {path}, cannot be read: {reason}")]
    UrlFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
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
    /// A setting of the server, the database or the role under which answers would be wrong; what it is, and the remedy.
    #[error("the database's settings are refused: {0}")]
    Setting(String),
    /// Nothing can be written.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
}

impl From<ConnectFailure> for ConnectError {
    fn from(failure: ConnectFailure) -> Self {
        Self::Refused(failure.to_string())
    }
}

/// Makes connections and cancels statements, over the same kind of channel. The address and the certificates are read anew
/// each time, where they are in files.
#[derive(Clone)]
pub(super) struct Connector(Arc<DatabaseConfig>);

impl Connector {
    pub(super) fn new(config: &DatabaseConfig) -> Self {
        Self(Arc::new(config.clone()))
    }

    async fn address(&self) -> Result<Address, ConnectError> {
        let Self(config) = self;
        let read;
        let url = if let Some(path) = &config.url_file {
            let content = tokio::fs::read_to_string(path).await;
            read = content.map_err(|reason| ConnectError::UrlFile { path: path.clone(), reason })?;
            read.trim()
        } else {
            &config.url
        };
        let mut address = Address::parse(url, config.ca_file.as_deref())?;
        if address.config().get_connect_timeout().is_none() {
            address.config_mut().connect_timeout(HOST_TIMEOUT);
        }
        Ok(address)
    }

    /// A connection for the pool, with its settings made and looked at.
    pub(super) async fn connect(&self) -> Result<(AsyncPgConnection, Session), ConnectError> {
        in_time(async {
            let (client, driver) = self.address().await?.connect().await?;
            let refused = |error: diesel::ConnectionError| ConnectError::Refused(error.to_string());
            let mut conn = into_diesel(client, driver).await.map_err(refused)?;
            let session = session::begin(&mut conn).await?;
            Ok((conn, session))
        })
        .await
    }

    /// A connection without diesel, as the server, the database and the role preset it.
    pub(super) async fn open(&self) -> Result<(Client, Driver), ConnectError> {
        in_time(async { Ok(self.address().await?.connect().await?) }).await
    }

    /// The same, closed when the client is dropped.
    pub(super) async fn client(&self) -> Result<Client, ConnectError> {
        let (client, driver) = self.open().await?;
        tokio::spawn(driver.run());
        Ok(client)
    }

    /// Asks the server to give up the statement that the token's connection is running.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = match self.address().await {
            Ok(address) => address.cancel(token).await.map_err(ConnectError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            // The connection is closed anyway; the server's statement_timeout ends what still runs.
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
