//! [`CallTls`], the TLS of calls to other services.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rowhouse_tls::{SYSTEM, TlsFileError, authorities, identity, provider};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::expiry;
use super::reloaded::blocking;
use crate::config::{CallTlsArgs, Environment, TlsArgs};
use crate::program::BoxError;

/// The protocol of gRPC.
const ALPN: &[u8] = b"h2";
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The authorities of the services that are called, and the caller's own certificate. The files are read for each connection.
#[derive(Clone, Debug, Default)]
pub struct CallTls {
    authorities: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    /// True if services beyond this machine are called over TLS only.
    refuse_plaintext: bool,
}

impl CallTls {
    /// Takes the files from the arguments, and measures when the caller's own certificate expires. In production, services beyond this
    /// machine are called over TLS, unless the arguments allow plaintext.
    #[must_use]
    pub fn new(own: &TlsArgs, call: &CallTlsArgs, environment: Environment) -> Self {
        let identity = own.identity();
        if let Some((certificate, _)) = identity.clone() {
            expiry::observe("client", move || rowhouse_tls::expiry(&std::fs::read(&certificate).ok()?));
        }
        Self {
            authorities: call.tls_ca.clone(),
            identity,
            refuse_plaintext: environment.is_production() && !own.allow_plaintext_grpc,
        }
    }

    /// Reads the files, and forgets them.
    pub async fn check(&self) -> Result<(), TlsFileError> {
        let this = self.clone();
        blocking(move || {
            this.authorities.as_deref().map(authorities).transpose()?;
            this.identity.as_ref().map(|(certificate, key)| identity(certificate, key)).transpose()?;
            Ok(())
        })
        .await
    }

    /// Returns whether a host may be called without TLS. IPv6 addresses may be in brackets.
    #[must_use]
    pub fn may_be_plaintext(&self, host: &str) -> bool {
        !self.refuse_plaintext || is_here(host)
    }

    /// Returns a connector for instances of the service whose certificate has the name.
    pub(crate) fn connector(&self, name: ServerName<'static>) -> Connector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        Connector { tls: self.clone(), name, tcp }
    }

    fn config(&self) -> Result<ClientConfig, TlsFileError> {
        let roots = authorities(self.authorities.as_deref().unwrap_or(Path::new(SYSTEM)))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsFileError::System(error.to_string()))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((certificate, key)) => {
                let identity = SingleCertAndKey::from(identity(certificate, key)?);
                builder.with_client_cert_resolver(Arc::new(identity))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().map_or(host == "localhost", |address: std::net::IpAddr| address.is_loopback())
}

/// Connects over TLS, and verifies that the instance has a certificate for the service's name.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: CallTls,
    name: ServerName<'static>,
    tcp: HttpConnector,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (tls, name) = (self.tls.clone(), self.name.clone());
        let connecting = self.tcp.call(uri);
        Box::pin(async move {
            let tcp = connecting.await?.into_inner();
            let config = blocking(move || tls.config()).await?;
            let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
            Ok(TokioIo::new(stream))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_calls_only_this_machine_without_tls() {
        let call = CallTlsArgs::default();
        let allowed = TlsArgs { allow_plaintext_grpc: true, ..TlsArgs::default() };
        for (host, here) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("orders", false),
            ("10.0.0.1", false),
            ("localhost.example", false),
        ] {
            let may =
                |own: &TlsArgs, environment| CallTls::new(own, &call, environment).may_be_plaintext(host);
            assert_eq!(may(&TlsArgs::default(), Environment::Production), here, "{host}");
            assert!(may(&TlsArgs::default(), Environment::Dev) && may(&allowed, Environment::Production));
        }
    }
}
