//! A metric of the times at which certificates expire.

use std::time::Duration;

use opentelemetry::KeyValue;

use crate::telemetry::meter;

/// Measures the time since 1970 at which a certificate expires, as long as `expiry` returns it. `certificate` says what it is for.
pub(crate) fn observe(
    certificate: &'static str,
    expiry: impl Fn() -> Option<Duration> + Send + Sync + 'static,
) {
    meter()
        .u64_observable_gauge("rowhouse.certificate.expiry_timestamp")
        .with_unit("s")
        .with_description(
            "Time since 1970 at which a certificate, or that of an authority that is sent along, expires",
        )
        .with_callback(move |observer| {
            if let Some(expiry) = expiry() {
                observer.observe(expiry.as_secs(), &[KeyValue::new("rowhouse.certificate", certificate)]);
            }
        })
        .build();
}
