//! [`Files`], the certificates of a system in one directory.

use std::path::PathBuf;
use std::sync::Arc;

use rowhouse_chassis::config::{CallTlsArgs, Environment, TlsArgs};
use rowhouse_chassis::tls::CallTls;
use rowhouse_testkit::{CertificateAuthority, IssuedCertificate, ProgramName, own_address};
use tempfile::TempDir;

/// A certificate of each program, which is for its address and `localhost` as well, and the authorities that are trusted.
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
        let ip = own_address().ip().to_string();
        for name in ProgramName::all().map(|program| program.to_string()) {
            authority.issue(&[&name, "localhost", &ip]).write(self.directory.path(), &name);
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

    pub(crate) fn certificate(&self, name: ProgramName) -> PathBuf {
        self.directory.path().join(format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: ProgramName) -> PathBuf {
        self.directory.path().join(format!("{name}.key"))
    }

    /// Returns the TLS of a program that calls others, with its certificate if it has one.
    pub(crate) fn calls(&self, name: Option<ProgramName>) -> CallTls {
        let own = name.map_or_else(TlsArgs::default, |name| TlsArgs {
            tls_certificate: Some(self.certificate(name)),
            tls_key: Some(self.key(name)),
            ..TlsArgs::default()
        });
        CallTls::new(&own, &CallTlsArgs { tls_ca: Some(self.ca()) }, Environment::Production)
    }

    /// Returns a certificate of the authority for PostgreSQL.
    pub(crate) fn of_database(authority: &CertificateAuthority) -> IssuedCertificate {
        authority.issue(&["127.0.0.1"])
    }
}
