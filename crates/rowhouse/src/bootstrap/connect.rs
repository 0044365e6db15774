//! The administrator's connections.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::MigrateError;
use super::error::describe;

/// A server that is there answers sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the database that `url` names. With `sslmode=require` the server's certificate is verified, by
/// the authorities in `ca_file`.
pub async fn connect(url: &str, ca_file: Option<&Path>) -> Result<Client, MigrateError> {
    let config = config(url)?;
    let refused = |error| MigrateError::Connect(describe(&error));
    open(&config, ca_file).await?.map_err(refused)
}

/// The same for diesel.
pub async fn connect_diesel(url: &str, ca_file: Option<&Path>) -> Result<AsyncPgConnection, MigrateError> {
    let client = connect(url, ca_file).await?;
    AsyncPgConnection::try_from(client).await.map_err(|error| MigrateError::Connect(error.to_string()))
}

pub(super) fn config(url: &str) -> Result<Config, MigrateError> {
    let mut config: Config = url.parse().map_err(MigrateError::Url)?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("rowhouse");
    }
    Ok(config)
}

/// The inner error is the server's.
pub(super) async fn open(
    config: &Config,
    ca_file: Option<&Path>,
) -> Result<Result<Client, tokio_postgres::Error>, MigrateError> {
    if config.get_ssl_mode() == SslMode::Require {
        let opened = config.connect(verified_tls(ca_file)?).await;
        return Ok(opened.map(|(client, connection)| {
            tokio::spawn(connection);
            client
        }));
    }
    Ok(config.connect(NoTls).await.map(|(client, connection)| {
        tokio::spawn(connection);
        client
    }))
}

fn verified_tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, MigrateError> {
    let unusable = |reason: String| MigrateError::Authority(reason);
    let path = ca_file.ok_or_else(|| unusable("give their file with --database-ca-file".to_owned()))?;
    let in_file = |error: &dyn std::fmt::Display| unusable(format!("{}: {error}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| in_file(&error))? {
        let certificate = certificate.map_err(|error| in_file(&error))?;
        roots.add(certificate).map_err(|error| in_file(&error))?;
    }
    if roots.is_empty() {
        return Err(in_file(&"there is no certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| in_file(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
