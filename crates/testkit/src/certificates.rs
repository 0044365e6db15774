//! [`CertificateAuthority`], which issues certificates for tests.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

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
        let mut params =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(DnType::CommonName, *names.first().unwrap());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        IssuedCertificate { certificate, key: key.serialize_pem() }
    }
}

impl IssuedCertificate {
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
