//! [`ServerTls`], the TLS of a gRPC server.

use std::path::PathBuf;
use std::sync::Arc;

use rowhouse_tls::{TlsFileError, authorities, identity, provider};
use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;

use super::names::NamedClients;
use super::reloaded::Reloaded;
use crate::config::ServerTlsArgs;

/// The protocol of gRPC.
const ALPN: &[u8] = b"h2";

/// The certificate of a gRPC server, and the authorities of its callers. They are read again when the files change; connections
/// that are open keep what they began with.
#[derive(Clone)]
pub struct ServerTls(Reloaded<ServerConfig>);

/// The files and names, as the arguments have them.
struct Source {
    certificate: PathBuf,
    key: PathBuf,
    callers: Option<PathBuf>,
    names: Vec<ServerName<'static>>,
}

impl ServerTls {
    /// Reads the files, or returns `None` if there is no certificate.
    pub async fn load(args: &ServerTlsArgs) -> Result<Option<Self>, TlsFileError> {
        let Some((certificate, key)) = args.tls.identity() else { return Ok(None) };
        let callers = args.tls_client_ca.clone();
        let source = Source { certificate, key, callers, names: args.tls_client_names.clone() };
        let files = [&source.certificate, &source.key].into_iter().chain(&source.callers).cloned();
        let config = Reloaded::load(files.collect(), move || source.config()).await?;
        Ok(Some(Self(config.measured("server"))))
    }

    /// Returns the configuration of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.current()
    }

    /// Reads the files again whenever they change, for ever.
    pub async fn follow(self) {
        self.0.follow().await;
    }
}

impl Source {
    fn config(&self) -> Result<ServerConfig, TlsFileError> {
        let identity = identity(&self.certificate, &self.key)?;
        let failed = |error: &dyn std::fmt::Display| TlsFileError::System(error.to_string());
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?;
        let builder = match &self.callers {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(authorities(path)?);
                let verifier: Arc<dyn ClientCertVerifier> =
                    WebPkiClientVerifier::builder_with_provider(roots, provider())
                        .build()
                        .map_err(|error| failed(&error))?;
                let names = self.names.clone();
                builder.with_client_cert_verifier(if names.is_empty() {
                    verifier
                } else {
                    Arc::new(NamedClients { inner: verifier, names })
                })
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}
