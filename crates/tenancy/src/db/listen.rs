//! Being told that something has happened.

use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client, Connection};

use super::connect::{Connector, describe};
use super::{ConnectError, TenantDb};

/// Listens on a channel of PostgreSQL's NOTIFY, over a connection of its own. It learns that there was a notification,
/// and nothing of what it says: no tenant's data comes this way.
pub struct Listener {
    /// Ends the connection when dropped.
    _client: Client,
    heard: watch::Receiver<u64>,
}

impl Listener {
    /// Waits for a notification since the last call; several count as one. False when the connection has ended.
    ///
    /// Behind a pooler that gives each transaction another server it waits for ever: look by the clock as well.
    pub async fn heard(&mut self) -> bool {
        self.heard.changed().await.is_ok()
    }
}

impl TenantDb {
    /// Listens on the channel of the name.
    pub async fn listen(&self, channel: &str) -> Result<Listener, ConnectError> {
        self.connector().listen(channel).await
    }
}

impl Connector {
    async fn listen(&self, channel: &str) -> Result<Listener, ConnectError> {
        let refused = |error: tokio_postgres::Error| ConnectError::Refused(describe(&error));
        let (heard, receiver) = watch::channel(0);
        let client = if let Some(tls) = self.tls() {
            let (client, connection) = self.config().connect(tls.clone()).await.map_err(refused)?;
            tokio::spawn(drive(connection, heard));
            client
        } else {
            let (client, connection) = self.config().connect(tokio_postgres::NoTls).await.map_err(refused)?;
            tokio::spawn(drive(connection, heard));
            client
        };
        let listen = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
        client.batch_execute(&listen).await.map_err(refused)?;
        Ok(Listener { _client: client, heard: receiver })
    }
}

async fn drive<S, T>(mut connection: Connection<S, T>, heard: watch::Sender<u64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(_) = message {
            heard.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
