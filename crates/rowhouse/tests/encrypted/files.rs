//! [`Files`], the certificates of a system in one directory.

use std::path::PathBuf;
use std::sync::Arc;

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::config::{CallTlsArgs, Environment, TlsArgs};
use rowhouse_chassis::tls::CallTls;
use rowhouse_testkit::{CertificateAuthority, IssuedCertificate};
use tempfile::TempDir;

pub(crate) const GATEWAY: &str = "rowhouse-gateway";

/// A certificate of each program, which is for `localhost` as well, and the authorities that are trusted.
pub(crate) struct Files {
    directory: TempDir,
    authority: Arc<CertificateAuthority>,
}

impl Files {
    /// Issues the certificates of a new authority, and trusts it.
    pub(crate) fn new() -> Self {
        Self::of(&Arc::new(CertificateAuthority::new()))
    }

    /// Issues the certificates of an authority, and trusts it.
    pub(crate) fn of(authority: &Arc<CertificateAuthority>) -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), authority: Arc::clone(authority) };
        files.issue_from(&files.authority);
        files.trust(&[&files.authority]);
        files
    }

    /// Replaces the certificates.
    pub(crate) fn issue_from(&self, authority: &CertificateAuthority) {
        for name in ServiceName::ALL.iter().map(|service| service.program()).chain([GATEWAY]) {
            authority.issue(&[name, "localhost"]).write(self.directory.path(), name);
        }
    }

    /// Replaces the authorities that are trusted.
    pub(crate) fn trust(&self, authorities: &[&CertificateAuthority]) {
        let pem: String = authorities.iter().map(|authority| authority.pem()).collect();
        let beside = self.directory.path().join("ca.new");
        std::fs::write(&beside, pem).unwrap();
        std::fs::rename(beside, self.ca()).unwrap();
    }

    pub(crate) const fn authority(&self) -> &Arc<CertificateAuthority> {
        &self.authority
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.key"))
    }

    /// Returns the TLS of a program that calls others, with its certificate if it has one.
    pub(crate) fn calls(&self, name: Option<&str>) -> CallTls {
        let own = name.map_or_else(TlsArgs::default, |name| TlsArgs {
            tls_certificate: Some(self.certificate(name)),
            tls_key: Some(self.key(name)),
            ..TlsArgs::default()
        });
        CallTls::new(&own, &CallTlsArgs { tls_ca: Some(self.ca()) }, Environment::Production)
    }

    /// Returns a certificate of the authority for PostgreSQL.
    pub(crate) fn of_database(authority: &CertificateAuthority) -> IssuedCertificate {
        authority.issue(&["localhost"])
    }
}
