//! [`Https`], the TLS between clients and the gateway.

use std::sync::Arc;

use actix_web::http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY};
use actix_web::middleware::DefaultHeaders;
use rowhouse_chassis::tls::{Reloaded, TlsFileError, certificate};
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;

use crate::HttpTlsArgs;
use crate::request_name::Scheme;

/// The certificate of the gateway's own server, if it has one, and the value of `Strict-Transport-Security`, if answers have it.
#[derive(Clone)]
pub(crate) struct Https {
    certificate: Option<Reloaded<CertifiedKey>>,
    hsts: Option<HeaderValue>,
}

impl Https {
    /// Reads the certificate.
    pub(crate) async fn load(args: &HttpTlsArgs) -> Result<Self, TlsFileError> {
        let files = args.http_tls_certificate.clone().zip(args.http_tls_key.clone());
        let certificate = match files {
            Some((file, key)) => Some(certificate(file, key).await?),
            None => None,
        };
        let is_secure = certificate.is_some() || args.behind_tls;
        let value = HeaderValue::try_from(format!("max-age={}", args.hsts_max_age.as_secs()));
        Ok(Self { certificate, hsts: value.ok().filter(|_| is_secure) })
    }

    /// Returns the scheme of the gateway's own server.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }

    /// Returns the scheme of the addresses that clients use, which may be those of a proxy in front.
    pub(crate) const fn scheme_of_clients(&self) -> Scheme {
        Scheme(if self.hsts.is_some() { "https" } else { "http" })
    }

    /// Returns the certificate, to be read again when it changes.
    pub(crate) fn certificate(&self) -> Option<Reloaded<CertifiedKey>> {
        self.certificate.clone()
    }

    /// Returns the headers of each answer.
    pub(crate) fn headers(&self) -> DefaultHeaders {
        let headers = DefaultHeaders::new();
        match &self.hsts {
            Some(value) => headers.add((STRICT_TRANSPORT_SECURITY, value.clone())),
            None => headers,
        }
    }
}

/// Returns the configuration of a server that answers each handshake with the certificate of that moment.
pub(crate) fn server_config(certificate: Reloaded<CertifiedKey>) -> Result<ServerConfig, rustls::Error> {
    let config = ServerConfig::builder_with_provider(rowhouse_chassis::tls::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    Ok(config)
}
