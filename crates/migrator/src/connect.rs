//! The administrator's connections.

use std::path::Path;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rowhouse_connection::{Address, SESSION, into_diesel};
use tokio_postgres::Client;

use super::MigrateError;

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the database that `url` names. `ca_file` has the authorities that its `sslmode` may verify the server's certificate
/// against.
pub async fn connect(url: &str, ca_file: Option<&Path>) -> Result<Client, MigrateError> {
    let (client, driver) = address(url, ca_file)?.connect().await?;
    tokio::spawn(driver.run());
    client.batch_execute(SESSION).await?;
    Ok(client)
}

/// Connects in the same way, for diesel.
pub async fn connect_diesel(url: &str, ca_file: Option<&Path>) -> Result<AsyncPgConnection, MigrateError> {
    use diesel_async::SimpleAsyncConnection;
    let (client, driver) = address(url, ca_file)?.connect().await?;
    let refused = |error: &dyn std::fmt::Display| MigrateError::Connect(error.to_string());
    let mut conn = into_diesel(client, driver).await.map_err(|error| refused(&error))?;
    conn.batch_execute(SESSION).await.map_err(|error| refused(&error))?;
    Ok(conn)
}

pub(super) fn address(url: &str, ca_file: Option<&Path>) -> Result<Address, MigrateError> {
    let mut address = Address::parse(url, ca_file)?;
    let config = address.config_mut();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("rowhouse");
    }
    Ok(address)
}
