//! [`CertificateAuthority`], which issues certificates for tests.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::until::until;

/// An authority that only a test trusts.
pub struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl CertificateAuthority {
    /// Creates an authority.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Returns the authority's certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate for the names, of a server and of a client. The first name is the subject's common name.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> IssuedCertificate {
        self.sign(CertificateParams::new(owned(names)).unwrap(), names)
    }

    /// Issues a certificate that expires with the beginning of a year.
    #[must_use]
    pub fn issue_until(&self, year: i32, names: &[&str]) -> IssuedCertificate {
        let mut params = CertificateParams::new(owned(names)).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        self.sign(params, names)
    }

    fn sign(&self, mut params: CertificateParams, names: &[&str]) -> IssuedCertificate {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(DnType::CommonName, *names.first().unwrap());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        IssuedCertificate { certificate, key: key.serialize_pem() }
    }
}

/// Waits until a program's metrics say that the certificate for a purpose, such as `server`, expires with the beginning of a year.
pub async fn until_certificate_expires(admin: SocketAddr, certificate: &str, year: i32) {
    let (url, expiry) = (format!("http://{admin}/metrics"), date_time_ymd(year, 1, 1).unix_timestamp());
    let sample = format!(
        "rowhouse_certificate_expiry_timestamp_seconds{{rowhouse_certificate=\"{certificate}\"}} {expiry}\n"
    );
    until(async || reqwest::get(&url).await.unwrap().text().await.unwrap().contains(&sample)).await;
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl IssuedCertificate {
    /// Returns the server's side of TLS connections with this certificate, for these protocols.
    #[must_use]
    pub fn acceptor(&self, protocols: &[&[u8]]) -> TlsAcceptor {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Writes `<name>.crt` and `<name>.key`, and returns their paths. Existing files are replaced, as a mounted Secret's are.
    #[allow(clippy::must_use_candidate, reason = "the files have these names wherever they are needed")]
    pub fn write(&self, directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let put = |extension: &str, content: &str| {
            let path = directory.join(format!("{name}.{extension}"));
            let beside = directory.join(format!("{name}.{extension}.new"));
            fs::write(&beside, content).unwrap();
            fs::rename(beside, &path).unwrap();
            path
        };
        (put("crt", &self.certificate), put("key", &self.key))
    }
}
