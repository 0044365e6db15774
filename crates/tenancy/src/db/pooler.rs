//! The check for unsuitable poolers.

use std::time::Duration;

use rowhouse_connection::ConnectFailure;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::ConnectError;
use super::connect::Connector;

/// The time limit of the check: longer than two free connections need, shorter than a start may take.
const PATIENCE: Duration = Duration::from_secs(2);

impl Connector {
    /// Refuses a pooler that moves a session between servers without moving its prepared statements: under
    /// load, PgBouncer before 1.21 then runs one client's statement for another.
    ///
    /// Two sessions on the same server process reveal such a pooler. A busy one may go undetected, so a pass
    /// proves nothing.
    pub(super) async fn check_pooler(&self) -> Result<(), ConnectError> {
        let refused = |error: tokio_postgres::Error| ConnectError::from(ConnectFailure::from(error));
        let (first, second) = (self.client().await?, self.client().await?);
        let statement = first.prepare("SELECT 1").await.map_err(refused)?;
        let of_first = backend(&first, "SELECT pg_backend_pid()").await.map_err(refused)?;
        let of_second = backend(&second, "BEGIN; SELECT pg_backend_pid()").await.map_err(refused)?;
        if of_first.is_none() || of_first != of_second {
            return Ok(());
        }
        // The second session holds the first one's server process now, so this runs on another.
        match tokio::time::timeout(PATIENCE, first.query(&statement, &[])).await {
            Ok(Err(error)) if error.code() == Some(&SqlState::INVALID_SQL_STATEMENT_NAME) => {
                Err(ConnectError::Pooler)
            }
            _ => Ok(()),
        }
    }
}

/// Returns the id of the server process that answered. The simple query protocol needs no prepared statement.
async fn backend(client: &Client, query: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let messages = client.simple_query(query).await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
