//! The arguments for TLS between services.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use rustls::pki_types::{InvalidDnsNameError, ServerName};

use super::Environment;

/// The arguments of each program for TLS between services.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS between services")]
pub struct TlsArgs {
    /// PEM file with this program's certificate, and those of its intermediate authorities after it: for the calls that it serves, and
    /// for those that it makes. This file and the others are read again when they change
    #[arg(long, env = "ROWHOUSE_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate
    #[arg(long, env = "ROWHOUSE_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Serve calls from other machines, and call services on them, without TLS in production: for a network that encrypts by
    /// itself, such as a service mesh
    #[arg(
        long,
        env = "ROWHOUSE_ALLOW_PLAINTEXT_GRPC",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new(),
    )]
    pub allow_plaintext_grpc: bool,
}

impl TlsArgs {
    /// Returns the files of the certificate and its key.
    #[must_use]
    pub fn identity(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_certificate.clone().zip(self.tls_key.clone())
    }
}

/// The arguments of a gRPC server for TLS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS between services")]
pub struct ServerTlsArgs {
    /// The certificate.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// PEM file with the authorities of the callers' certificates: with it, only callers with a certificate are served (mutual
    /// TLS)
    #[arg(long, env = "ROWHOUSE_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_certificate")]
    pub tls_client_ca: Option<PathBuf>,
    /// Names of which a caller's certificate has to have one, such as `rowhouse-gateway`, separated by commas; any certificate of the
    /// authorities by default
    #[arg(
        long,
        env = "ROWHOUSE_TLS_CLIENT_NAMES",
        value_name = "NAMES",
        value_delimiter = ',',
        value_parser = name,
        requires = "tls_client_ca",
    )]
    pub tls_client_names: Vec<ServerName<'static>>,
}

/// The reason why a server does not start without TLS.
#[derive(Debug, thiserror::Error)]
#[error(
    "in production calls to {0} are served over TLS: give --tls-certificate and --tls-key, or --allow-plaintext-grpc on a \
     network that encrypts by itself"
)]
pub struct PlaintextError(SocketAddr);

impl ServerTlsArgs {
    /// Checks that in production nothing leaves the machine unencrypted, unless the arguments allow it.
    pub fn refuse_plaintext(
        &self,
        listen: SocketAddr,
        environment: Environment,
    ) -> Result<(), PlaintextError> {
        let encrypted = self.tls.tls_certificate.is_some() || listen.ip().is_loopback();
        if environment.is_production() && !encrypted && !self.tls.allow_plaintext_grpc {
            return Err(PlaintextError(listen));
        }
        Ok(())
    }
}

/// The arguments of a program that calls services, for TLS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS between services")]
pub struct CallTlsArgs {
    /// PEM file with the authorities of the certificates of the services that are called by https; those of the operating system
    /// by default
    #[arg(long, env = "ROWHOUSE_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
}

fn name(text: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_serves_only_this_machine_without_tls() {
        let none = ServerTlsArgs::default();
        let certificate = TlsArgs { tls_certificate: Some("c".into()), ..TlsArgs::default() };
        let allowed = TlsArgs { allow_plaintext_grpc: true, ..TlsArgs::default() };
        for (tls, listen, environment, expected) in [
            (none.tls.clone(), "0.0.0.0:1", Environment::Production, false),
            (none.tls.clone(), "[::]:1", Environment::Production, false),
            (none.tls.clone(), "127.0.0.1:1", Environment::Production, true),
            (none.tls.clone(), "0.0.0.0:1", Environment::Dev, true),
            (certificate, "0.0.0.0:1", Environment::Production, true),
            (allowed, "0.0.0.0:1", Environment::Production, true),
        ] {
            let args = ServerTlsArgs { tls, ..none.clone() };
            let refused = args.refuse_plaintext(listen.parse().unwrap(), environment);
            assert_eq!(refused.is_ok(), expected, "{listen} {environment:?}");
        }
    }
}
