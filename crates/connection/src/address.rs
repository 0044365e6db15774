//! [`Address`], a parsed database URL, and connecting to it.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::UnixStream;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::stream::SqlStateStream;
use crate::{ConnectFailure, Driver};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The default of tokio-postgres. A different value comes from the URL.
const UNSAID: Duration = Duration::from_secs(2 * 60 * 60);
/// The idle time after which TCP keepalives begin.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;
/// The time for which sent data may stay unacknowledged.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// The reason why an address is invalid. No variant shows it, since it contains a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The URL cannot be parsed.
    #[error("the database URL cannot be read ({0}); write postgres://role:password@host:port/database")]
    Url(#[source] tokio_postgres::Error),
    /// `sslmode=require` without a certificate authority.
    #[error("sslmode=require needs the file with the certificates that the server's is checked against")]
    NoAuthority,
    /// The file of certificates is invalid.
    #[error("the certificates in {path} cannot be used: {reason}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        reason: String,
    },
}

/// A database's address with the login and the TLS settings.
#[derive(Clone)]
pub struct Address {
    config: Config,
    channel: Wrap,
}

impl Address {
    /// Parses `postgres://role:password@host:port/database`, or libpq's `key=value` form. With `sslmode=require` the
    /// server's certificate is verified against the authorities in `ca_file`; otherwise the connection is not encrypted.
    pub fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, AddressError> {
        let mut config: Config = url.parse().map_err(AddressError::Url)?;
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(verified_tls(ca_file)?)
        } else {
            // The stream is wrapped where TLS would begin. tokio-postgres has to be told to use TLS for that; the server is not asked for it.
            config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
            if config.get_hosts().is_empty() {
                // TLS would need a host name. This does not, but tokio-postgres requires one.
                for address in config.get_hostaddrs().to_vec() {
                    config.host(address.to_string());
                }
            }
            None
        };
        if config.get_keepalives_idle() == UNSAID {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(KEEPALIVE_INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(KEEPALIVE_RETRIES);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(USER_TIMEOUT);
        }
        Ok(Self { config, channel: Wrap(tls) })
    }

    /// Returns the configuration from the URL, except for the TLS settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the configuration for changes.
    #[must_use]
    pub const fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Connects and logs in.
    pub async fn connect(&self) -> Result<(Client, Driver), ConnectFailure> {
        if let Some(stream) = self.unix_stream().await? {
            let stream = SqlStateStream::new(stream, ChannelBinding::none());
            // A server offers no TLS on a Unix socket.
            let mut config = self.config.clone();
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            Ok((client, Driver::unix(connection)))
        } else {
            let (client, connection) = self.config.connect(self.channel.clone()).await?;
            Ok((client, Driver::socket(connection)))
        }
    }

    /// Asks the server to cancel the statement that the token's connection is running.
    pub async fn cancel(&self, token: CancelToken) -> Result<(), ConnectFailure> {
        match self.unix_stream().await? {
            Some(stream) => Ok(token.cancel_query_raw(stream, NoTls).await?),
            None => Ok(token.cancel_query(self.channel.clone()).await?),
        }
    }

    /// Connects to the first host if it is a directory of Unix sockets.
    async fn unix_stream(&self) -> Result<Option<UnixStream>, ConnectFailure> {
        let Some(Host::Unix(directory)) = self.config.get_hosts().first() else { return Ok(None) };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        Ok(Some(UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await?))
    }
}

fn verified_tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, AddressError> {
    let path = ca_file.ok_or(AddressError::NoAuthority)?;
    let unusable = |reason: String| AddressError::Authority { path: path.to_owned(), reason };
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

/// Wraps the socket, or the TLS stream, in a [`SqlStateStream`].
#[derive(Clone)]
struct Wrap(Option<MakeRustlsConnect>);

impl MakeTlsConnect<Socket> for Wrap {
    type Stream = SqlStateStream;
    type TlsConnect = WrapOne;
    type Error = BoxError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<WrapOne, BoxError> {
        let tls = self.0.as_mut().map(|tls| MakeTlsConnect::<Socket>::make_tls_connect(tls, domain));
        Ok(WrapOne(tls.transpose()?))
    }
}

struct WrapOne(Option<<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect>);

impl TlsConnect<Socket> for WrapOne {
    type Stream = SqlStateStream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<SqlStateStream, BoxError>>;

    fn connect(self, socket: Socket) -> Self::Future {
        async move {
            let Some(tls) = self.0 else { return Ok(SqlStateStream::new(socket, ChannelBinding::none())) };
            let stream = tls.connect(socket).await?;
            let binding = stream.channel_binding();
            Ok(SqlStateStream::new(stream, binding))
        }
        .boxed()
    }
}
