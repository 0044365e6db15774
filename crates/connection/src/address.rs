//! [`Address`], a parsed database URL, and connecting to it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rowhouse_tls::{SYSTEM, TlsFileError};
use tokio::net::UnixStream;
use tokio_postgres::config::{Host, SslMode as DriverSslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::ChannelBinding;
use tokio_postgres::{CancelToken, Client, Config, NoTls};

use crate::negotiate::Negotiation;
use crate::parameters::{Parameters, SslMode};
use crate::presented::PresentedCertificate;
use crate::stream::SqlStateStream;
use crate::tls::TlsSettings;
use crate::{AddressError, ConnectFailure, Driver};

/// The default of tokio-postgres. A different value comes from the URL.
const UNSAID: Duration = Duration::from_secs(2 * 60 * 60);
/// The idle time after which TCP keepalives begin.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;
/// The time for which sent data may stay unacknowledged.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// A database's address with the login and the TLS settings.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) mode: SslMode,
    direct: bool,
    pub(crate) tls: TlsSettings,
}

impl Address {
    /// Parses `postgres://role:password@host:port/database`, or libpq's `key=value` form. `sslmode`, `sslrootcert`, `sslcert`,
    /// `sslkey` and `sslnegotiation` mean what they do for libpq, with one difference: `sslmode=require` verifies the host's name
    /// as well if there are authorities. `ca_file` has the authorities of a URL without `sslrootcert`. No file is read yet.
    pub fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, AddressError> {
        let (parameters, rest) = Parameters::take(url)?;
        let mut config: Config = rest.parse().map_err(AddressError::Url)?;
        let direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        let authorities = parameters.root_certificates.or_else(|| ca_file.map(Path::to_owned));
        let from_system = authorities.as_deref() == Some(Path::new(SYSTEM));
        let default = if from_system { SslMode::VerifyFull } else { SslMode::Prefer };
        let mode = parameters.mode.unwrap_or(default);
        if direct && mode < SslMode::Require {
            return Err(AddressError::WeakWithDirect);
        }
        if from_system && SslMode::Require <= mode && mode < SslMode::VerifyFull {
            return Err(AddressError::WeakWithSystem);
        }
        let tls = TlsSettings {
            verify_name: mode != SslMode::VerifyCa,
            authorities: authorities_for(mode, authorities)?,
            client: match (parameters.certificate, parameters.key) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                _ => return Err(AddressError::HalfIdentity),
            },
            presented: PresentedCertificate::default(),
        };
        // Every socket passes through the negotiation, which asks for TLS or not.
        config.ssl_mode(DriverSslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        if config.get_hosts().is_empty() {
            // The name that a certificate is verified for. tokio-postgres requires one in any case.
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        set_keepalives(&mut config);
        Ok(Self { config, mode, direct, tls })
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

    /// Lets connections remember the certificate that the server presents.
    pub fn remember_certificate(&mut self, presented: &PresentedCertificate) {
        self.tls.presented = presented.clone();
    }

    /// Checks that nothing leaves this machine unencrypted.
    pub fn refuse_plaintext(&self) -> Result<(), AddressError> {
        if self.mode >= SslMode::Require {
            return Ok(());
        }
        let addresses = self.config.get_hostaddrs();
        let remote = self.config.get_hosts().iter().enumerate().find_map(|(index, host)| match host {
            Host::Unix(_) => None,
            Host::Tcp(name) => {
                let address = addresses.get(index).copied().or_else(|| name.parse().ok());
                let local = address.map_or(name == "localhost", |address: IpAddr| address.is_loopback());
                (!local).then_some(name)
            }
        });
        remote.map_or(Ok(()), |host| Err(AddressError::Plaintext(host.clone())))
    }

    /// Reads the files of certificates, and forgets them: they are read again for each connection.
    pub async fn check_files(&self) -> Result<(), TlsFileError> {
        if self.mode > SslMode::Disable { self.tls.load().await.map(drop) } else { Ok(()) }
    }

    /// Connects and logs in.
    pub async fn connect(&self) -> Result<(Client, Driver), ConnectFailure> {
        if let Some(stream) = self.unix_stream().await? {
            let stream = SqlStateStream::new(stream, ChannelBinding::none());
            // A server offers no TLS on a Unix socket.
            let mut config = self.config.clone();
            config.ssl_mode(DriverSslMode::Disable);
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            return Ok((client, Driver::unix(connection)));
        }
        let (first, second) = self.negotiations().await?;
        let connected = match self.config.connect(first).await.map_err(ConnectFailure::from) {
            Err(failure) if is_about_tls(&failure) => match second {
                Some(second) => self.config.connect(second).await?,
                None => return Err(failure),
            },
            connected => connected?,
        };
        let (client, connection) = connected;
        Ok((client, Driver::socket(connection)))
    }

    /// Returns the ways to connect, in the order in which they are tried.
    async fn negotiations(&self) -> Result<(Negotiation, Option<Negotiation>), TlsFileError> {
        if self.mode == SslMode::Disable {
            return Ok((Negotiation::Plaintext, None));
        }
        let tls = self.tls.load().await?;
        Ok(match self.mode {
            SslMode::Disable | SslMode::Allow => (Negotiation::Plaintext, Some(Negotiation::Tls(tls))),
            SslMode::Prefer => (Negotiation::IfOffered(tls), Some(Negotiation::Plaintext)),
            _ if self.direct => (Negotiation::Direct(tls), None),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Negotiation::Tls(tls), None),
        })
    }

    /// Asks the server to cancel the statement that the token's connection is running.
    pub async fn cancel(&self, token: CancelToken) -> Result<(), ConnectFailure> {
        match self.unix_stream().await? {
            Some(stream) => Ok(token.cancel_query_raw(stream, NoTls).await?),
            None => Ok(token.cancel_query(self.negotiations().await?.0).await?),
        }
    }

    /// Connects to the first host if it is a directory of Unix sockets.
    async fn unix_stream(&self) -> Result<Option<UnixStream>, ConnectFailure> {
        let Some(Host::Unix(directory)) = self.config.get_hosts().first() else { return Ok(None) };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        Ok(Some(UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await?))
    }
}

/// Returns the authorities that the mode verifies the server's certificate against.
fn authorities_for(mode: SslMode, given: Option<PathBuf>) -> Result<Option<PathBuf>, AddressError> {
    match (mode, given) {
        // An attacker who can show a wrong certificate can also show none.
        (SslMode::Disable | SslMode::Allow | SslMode::Prefer, _) | (SslMode::Require, None) => Ok(None),
        (_, Some(file)) => Ok(Some(file)),
        (SslMode::VerifyCa, None) => Err(AddressError::NoAuthorities("verify-ca")),
        (SslMode::VerifyFull, None) => Err(AddressError::NoAuthorities("verify-full")),
    }
}

fn set_keepalives(config: &mut Config) {
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
}

/// Returns whether the other way to connect, with or without TLS, may succeed.
fn is_about_tls(failure: &ConnectFailure) -> bool {
    failure.is_tls() || failure.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_encryption() {
        for (url, local) in [
            ("postgres://u@localhost/d", true),
            ("postgres://u@127.0.0.1/d?sslmode=disable", true),
            ("postgres://u@[::1]:5433/d", true),
            ("postgres://u@%2Frun%2Fpostgresql/d", true),
            ("host=/run/postgresql dbname=d", true),
            ("host=db.example hostaddr=127.0.0.1 dbname=d", true),
            ("hostaddr=127.0.0.1 dbname=d", true),
            ("postgres://u@db.example/d", false),
            ("postgres://u@localhost.example/d", false),
            ("postgres://u@10.0.0.1/d?sslmode=prefer", false),
            ("postgres://u@localhost,db.example/d?sslmode=allow", false),
            ("host=localhost hostaddr=192.0.2.1 dbname=d", false),
            ("postgres://u@db.example/d?sslmode=require", true),
        ] {
            let refused = Address::parse(url, None).unwrap().refuse_plaintext();
            assert_eq!(refused.is_ok(), local, "{url}: {refused:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (parameters, ca_file, part) in [
            ("sslmode=verify-full", None, "--database-ca-file"),
            ("sslmode=verify-ca", None, "--database-ca-file"),
            ("sslmode=require&sslrootcert=system", None, "verify-full"),
            ("sslmode=verify-ca", Some("system"), "verify-full"),
            ("sslnegotiation=direct", None, "sslmode=require"),
            ("sslmode=require&sslcert=c.pem", None, "sslkey"),
            ("sslmode=no", None, "verify-full"),
        ] {
            let url = format!("postgres://u:hunter2@db.example/d?{parameters}");
            let error = Address::parse(&url, ca_file.map(Path::new)).err().unwrap().to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{parameters}: {error}");
        }
    }

    #[test]
    fn the_systems_authorities_imply_that_the_server_is_verified() {
        let address = Address::parse("postgres://u@db.example/d?sslrootcert=system", None).unwrap();
        assert!(address.refuse_plaintext().is_ok());
        assert_eq!(address.mode, SslMode::VerifyFull);
    }
}
