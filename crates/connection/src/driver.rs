//! [`Driver`], the half of a connection that performs the I/O.

use std::future::poll_fn;
use std::task::{Context, Poll};

use diesel::ConnectionResult;
use diesel_async::AsyncPgConnection;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, Socket};

use crate::stream::SqlStateStream;

/// Performs the I/O of a connection. It has to be polled for the client to get answers, and closes the connection when it is dropped.
pub struct Driver(Kind);

enum Kind {
    Socket(Box<Connection<Socket, SqlStateStream>>),
    Unix(Box<Connection<SqlStateStream, NoTlsStream>>),
}

impl Driver {
    pub(crate) fn socket(connection: Connection<Socket, SqlStateStream>) -> Self {
        Self(Kind::Socket(Box::new(connection)))
    }

    pub(crate) fn unix(connection: Connection<SqlStateStream, NoTlsStream>) -> Self {
        Self(Kind::Unix(Box::new(connection)))
    }

    /// Waits for an asynchronous message of the server. Returns `None` when the connection has ended.
    pub async fn message(&mut self) -> Option<Result<AsyncMessage, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> {
        match &mut self.0 {
            Kind::Socket(connection) => connection.poll_message(cx),
            Kind::Unix(connection) => connection.poll_message(cx),
        }
    }

    /// Drives the connection until the client is dropped.
    pub async fn run(mut self) {
        while let Some(Ok(_)) = self.message().await {}
    }
}

/// Makes a diesel connection from the two halves.
pub async fn into_diesel(client: Client, driver: Driver) -> ConnectionResult<AsyncPgConnection> {
    match driver.0 {
        Kind::Socket(connection) => {
            AsyncPgConnection::try_from_client_and_connection(client, *connection).await
        }
        // diesel accepts no driver but tokio-postgres' own.
        unix @ Kind::Unix(_) => {
            tokio::spawn(Driver(unix).run());
            AsyncPgConnection::try_from(client).await
        }
    }
}
