//! [`TlsSettings`], what a connection's TLS is made of, and the verification of the server's certificate.

use std::path::PathBuf;
use std::sync::Arc;

use rowhouse_tls::{TlsFileError, authorities, identity, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::presented::PresentedCertificate;

/// The name of PostgreSQL's protocol, which a server expects if TLS begins without a request.
const ALPN: &[u8] = b"postgresql";

/// The certificates of a connection. The files are read for each connection, so they may change.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    /// The authorities that the server's certificate is verified against; without them it is not verified.
    pub(crate) authorities: Option<PathBuf>,
    /// True if the certificate has to be for the host. If not, an authority may have signed it for any name.
    pub(crate) verify_name: bool,
    /// The files of the client's own certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) presented: PresentedCertificate,
}

impl TlsSettings {
    /// Reads the files.
    pub(crate) async fn load(&self) -> Result<MakeRustlsConnect, TlsFileError> {
        let settings = self.clone();
        let reading = tokio::task::spawn_blocking(move || settings.read());
        reading.await.unwrap_or_else(|error| Err(TlsFileError::System(error.to_string())))
    }

    fn read(&self) -> Result<MakeRustlsConnect, TlsFileError> {
        let provider = provider();
        let roots = self.authorities.as_deref().map(authorities).transpose()?;
        let verifier = Verifier {
            roots,
            verify_name: self.verify_name,
            provider: Arc::clone(&provider),
            presented: self.presented.clone(),
        };
        let client = self.client.as_ref();
        let client = client.map(|(certificate, key)| identity(certificate, key)).transpose()?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsFileError::System(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match client {
            Some(client) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(client))),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }
}

/// Verifies as much of the server's certificate as `sslmode` demands. That the server has the certificate's key is verified always.
#[derive(Debug)]
struct Verifier {
    roots: Option<RootCertStore>,
    verify_name: bool,
    provider: Arc<CryptoProvider>,
    presented: PresentedCertificate,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // One that has expired, too, since that is what has to be seen.
        self.presented.record(end_entity, intermediates);
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
            if self.verify_name {
                verify_server_name(&certificate, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
