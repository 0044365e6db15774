//! Metrics of admission control.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::shares::{self, Occupancy, Shares, Urgency};

use super::{Applicant, Party};
use crate::telemetry::meter;

const SERVICE: &str = "rowhouse.admission.service";
const SIDE: &str = "rowhouse.admission.side";
const CALLER: &str = "rowhouse.admission.caller";
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
pub(super) fn observe<P: shares::Party + 'static>(
    service: ServiceName,
    side: &'static str,
    caller: &'static str,
    shares: &Shares<P>,
) {
    let gauge = |name, description, read: fn(Occupancy) -> usize| {
        let (shares, [service, side]) = (shares.weak(), attributes(service, side));
        let attributes = [service, side, KeyValue::new(CALLER, caller)];
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
    service: ServiceName,
    side: &'static str,
    count: AtomicU64,
    /// The time of the last log line, and the number then.
    logged: Mutex<Option<(Instant, u64)>>,
}

impl Refused {
    /// Makes the counter begin at 0, so that the first refusal is an increase.
    pub(super) fn expect(service: ServiceName, side: &'static str) -> Self {
        let refused = Self { service, side, count: AtomicU64::new(0), logged: Mutex::new(None) };
        for caller in ["tenant", "stranger"] {
            for urgency in ["interactive", "batch"] {
                refused.add(0, caller, urgency);
            }
        }
        refused
    }

    /// Counts a refusal and returns its number. The log says that there are some, not each of them: a program that has too much to
    /// do must not write about it.
    pub(super) fn count(&self, applicant: Applicant) -> u64 {
        let caller = match applicant.party {
            Party::Tenant(_) => "tenant",
            Party::Stranger(_) => "stranger",
        };
        let urgency = match applicant.urgency {
            Urgency::Interactive => "interactive",
            Urgency::Batch => "batch",
        };
        self.add(1, caller, urgency);
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        // A thread that finds it locked leaves the line to the other.
        if let Ok(mut logged) = self.logged.try_lock()
            && logged.is_none_or(|(at, _)| at.elapsed() >= LOG_INTERVAL)
        {
            let refused = number + 1 - logged.map_or(0, |(_, before)| before);
            *logged = Some((Instant::now(), number + 1));
            let Self { service, side, .. } = self;
            tracing::warn!(
                refused,
                "overloaded: calls to {service} were refused at the {side}; rowhouse.admission.refused counts them"
            );
        }
        number
    }

    fn add(&self, count: u64, caller: &'static str, urgency: &'static str) {
        let [service, side] = attributes(self.service, self.side);
        REFUSED.add(count, &[service, side, KeyValue::new(CALLER, caller), KeyValue::new(URGENCY, urgency)]);
    }
}
