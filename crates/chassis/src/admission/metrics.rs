//! Metrics of admission control.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::shares::{Occupancy, Shares, Urgency};

use super::Party;
use crate::telemetry::meter;

const SERVICE: &str = "rowhouse.admission.service";
const SIDE: &str = "rowhouse.admission.side";
const URGENCY: &str = "rowhouse.admission.urgency";

/// The shortest time between two log lines about refusals.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

static REFUSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.admission.refused")
        .with_unit("{call}")
        .with_description("Calls that were refused for the load, by urgency")
        .build()
});

/// Registers what is read when it is asked for, as long as the places exist.
pub(super) fn observe(service: ServiceName, side: &'static str, shares: &Shares<Party>) {
    let gauge = |name, description, read: fn(Occupancy) -> usize| {
        let (shares, attributes) = (shares.weak(), attributes(service, side));
        meter()
            .u64_observable_gauge(name)
            .with_unit("{call}")
            .with_description(description)
            .with_callback(move |observer| {
                if let Some(occupancy) = shares.occupancy() {
                    observer.observe(u64::try_from(read(occupancy)).unwrap_or(u64::MAX), &attributes);
                }
            })
            .build();
    };
    gauge("rowhouse.admission.limit", "Calls that may run at once", |occupancy| occupancy.size);
    gauge("rowhouse.admission.running", "Calls that run", |occupancy| occupancy.held);
    gauge("rowhouse.admission.waiting", "Calls that wait for a place", |occupancy| occupancy.waiting);
}

fn attributes(service: ServiceName, side: &'static str) -> [KeyValue; 2] {
    [KeyValue::new(SERVICE, service.as_str()), KeyValue::new(SIDE, side)]
}

/// The number of calls that were refused.
pub(super) struct Refused {
    side: &'static str,
    count: AtomicU64,
    /// The time of the last log line, and the number then.
    logged: Mutex<Option<(Instant, u64)>>,
}

impl Refused {
    /// Makes the counter begin at 0, so that the first refusal is an increase.
    pub(super) fn expect(service: ServiceName, side: &'static str) -> Self {
        let refused = Self { side, count: AtomicU64::new(0), logged: Mutex::new(None) };
        for urgency in [Urgency::Interactive, Urgency::Batch] {
            refused.add(0, service, urgency);
        }
        refused
    }

    /// Counts a refusal and returns its number. The log says that there are some, not each of them: whoever has too much to do
    /// does not write about it.
    pub(super) fn count(&self, service: ServiceName, urgency: Urgency) -> u64 {
        self.add(1, service, urgency);
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        // Whoever finds it locked leaves the line to the other.
        if let Ok(mut logged) = self.logged.try_lock()
            && logged.is_none_or(|(at, _)| at.elapsed() >= LOG_INTERVAL)
        {
            let before = logged.map_or(0, |(_, before)| before);
            *logged = Some((Instant::now(), number + 1));
            tracing::warn!(
                refused = number + 1 - before,
                "overloaded: calls to {service} were refused at the {}; the metric rowhouse.admission.refused counts them",
                self.side
            );
        }
        number
    }

    fn add(&self, count: u64, service: ServiceName, urgency: Urgency) {
        let [service, side] = attributes(service, self.side);
        let urgency = match urgency {
            Urgency::Interactive => "interactive",
            Urgency::Batch => "batch",
        };
        REFUSED.add(count, &[service, side, KeyValue::new(URGENCY, urgency)]);
    }
}
