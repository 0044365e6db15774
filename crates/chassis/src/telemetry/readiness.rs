//! The readiness of the parts of this process, for the admin listener and as a metric.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// The parts that have reported, such as `auth.v1.AuthService`, and whether they are ready.
static PARTS: Mutex<BTreeMap<&'static str, bool>> = Mutex::new(BTreeMap::new());

fn parts() -> MutexGuard<'static, BTreeMap<&'static str, bool>> {
    PARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reports whether a part of the process can do its work.
pub fn report_readiness(part: &'static str, ready: bool) {
    parts().insert(part, ready);
}

/// Returns the parts that are not ready, or `None` if no part has reported yet.
pub(super) fn not_ready() -> Option<Vec<&'static str>> {
    let parts = parts();
    let waiting = parts.iter().filter(|(_, ready)| !**ready).map(|(part, _)| *part).collect();
    (!parts.is_empty()).then_some(waiting)
}

/// Registers the metric.
pub(super) fn observe(meter: &Meter) {
    meter
        .u64_observable_gauge("rowhouse.ready")
        .with_description("1 if the part of the process can do its work, and 0 if it cannot")
        .with_callback(|observer| {
            for (part, ready) in parts().iter() {
                observer.observe(u64::from(*ready), &[KeyValue::new("rowhouse.part", *part)]);
            }
        })
        .build();
}
