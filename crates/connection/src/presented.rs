//! [`PresentedCertificate`], what is remembered of the certificate that a server presented.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rowhouse_tls::first_expiry;
use rustls::pki_types::CertificateDer;

/// The certificate that a server presented last. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct PresentedCertificate {
    /// The seconds since 1970 at which it expires; 0 for none.
    expiry: Arc<AtomicU64>,
}

impl PresentedCertificate {
    /// Returns the time since 1970 at which the certificate, or one of the authorities' that came with it, expires. There is none before a
    /// connection is encrypted.
    #[must_use]
    pub fn expiry(&self) -> Option<Duration> {
        match self.expiry.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }

    pub(crate) fn record(&self, certificate: &CertificateDer<'_>, authorities: &[CertificateDer<'_>]) {
        let expiry = first_expiry(iter::once(certificate).chain(authorities));
        self.expiry.store(expiry.map_or(0, |expiry| expiry.as_secs()), Ordering::Relaxed);
    }
}
