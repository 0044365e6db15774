//! Certificates, keys and authorities from PEM files, for TLS by rustls with ring.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The name that stands for the authorities that the operating system trusts, where a file of authorities is expected.
pub const SYSTEM: &str = "system";

/// The reason why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// The certificates cannot be read.
    #[error("the certificates in {} cannot be used: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        reason: String,
    },
    /// The private key cannot be read.
    #[error("the private key in {} cannot be used: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        reason: String,
    },
    /// The private key belongs to another certificate.
    #[error("the private key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The operating system trusts no authority.
    #[error("the operating system has no certificate authorities: {0}")]
    System(String),
}

/// Returns the implementation of cryptography that all connections use.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Reads the authorities that may have signed a peer's certificate. The path [`SYSTEM`] stands for those of the operating system.
///
/// Reads files, so it blocks.
pub fn authorities(path: &Path) -> Result<RootCertStore, TlsFileError> {
    if path == Path::new(SYSTEM) {
        return system();
    }
    let unusable = |reason: String| TlsFileError::Certificates { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(roots)
}

fn system() -> Result<RootCertStore, TlsFileError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // The system's store may contain certificates that rustls does not understand, and they trust nobody then.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let reason = found.errors.first().map_or_else(|| "its store is empty".to_owned(), ToString::to_string);
    Err(TlsFileError::System(reason))
}

/// Reads a certificate, with those of its intermediate authorities after it, and its private key.
///
/// Reads files, so it blocks.
pub fn identity(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsFileError> {
    let made = CertifiedKey::from_der(certificates(certificate)?, private_key(key)?, &provider());
    made.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsFileError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        error => TlsFileError::Key { path: key.to_owned(), reason: error.to_string() },
    })
}

/// Returns the time since 1970 at which the first of the certificates in PEM expires, or `None` if one of them cannot be read.
#[must_use]
pub fn expiry(pem: &[u8]) -> Option<Duration> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    first_expiry(&certificates)
}

/// Does the same for certificates that were read already.
#[must_use]
pub fn first_expiry<'a>(certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>) -> Option<Duration> {
    let expiries = certificates.into_iter().map(|certificate| {
        let certificate = Certificate::from_der(certificate).ok()?;
        Some(certificate.tbs_certificate.validity.not_after.to_unix_duration())
    });
    expiries.collect::<Option<Vec<_>>>()?.into_iter().min()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let unusable = |reason: String| TlsFileError::Certificates { path: path.to_owned(), reason };
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    let read = read.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(error.to_string()))?;
    if read.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(read)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| TlsFileError::Key { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_chain_expires_with_its_first_certificate() {
        let until = |year: i32| {
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
        };
        let of_2040 = Duration::from_secs(2_208_988_800);
        assert_eq!(expiry(until(2040).as_bytes()), Some(of_2040));
        assert_eq!(expiry((until(2060) + &until(2040)).as_bytes()), Some(of_2040));
        assert_eq!(expiry(b""), None);
        assert_eq!(
            expiry(
                (until(2040) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").as_bytes()
            ),
            None
        );
    }

    #[test]
    fn each_error_names_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, own) in [("a", "a.example"), ("b", "b.example")] {
            let made = rcgen::generate_simple_self_signed([own.to_owned()]).unwrap();
            fs::write(at(&format!("{name}.crt")), made.cert.pem()).unwrap();
            fs::write(at(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
        }
        fs::write(at("empty"), "").unwrap();
        assert!(identity(&at("a.crt"), &at("a.key")).is_ok());
        assert_eq!(authorities(&at("a.crt")).unwrap().len(), 1);
        for (certificate, key, named) in [
            ("a.crt", "b.key", "b.key does not belong to"),
            ("empty", "a.key", "empty cannot be used: there is no certificate in it"),
            ("missing", "a.key", "missing cannot be used"),
            ("a.crt", "empty", "empty cannot be used"),
            ("a.crt", "a.crt", "the private key in"),
        ] {
            let error = identity(&at(certificate), &at(key)).unwrap_err().to_string();
            assert!(
                error.replace(&format!("{}/", directory.path().display()), "").contains(named),
                "{error}"
            );
        }
        assert!(authorities(&at("empty")).is_err());
    }
}
