//! When certificates expire, as a metric.

use opentelemetry::KeyValue;
use rowhouse_tls::expiry;

use crate::telemetry::meter;

/// Measures the expiry of a certificate that the program uses, as long as `pem` returns it. `certificate` says what for.
pub(super) fn observe(certificate: &'static str, pem: impl Fn() -> Option<Vec<u8>> + Send + Sync + 'static) {
    meter()
        .u64_observable_gauge("rowhouse.certificate.expiry_timestamp")
        .with_unit("s")
        .with_description("Time since 1970 at which a certificate of the program, or of an authority that it sends along, expires")
        .with_callback(move |observer| {
            if let Some(expiry) = pem().and_then(|pem| expiry(&pem)) {
                observer.observe(expiry.as_secs(), &[KeyValue::new("rowhouse.certificate", certificate)]);
            }
        })
        .build();
}
