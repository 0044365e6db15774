//! Metrics of admission control.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::shares::{self, Occupancy, Shares, Urgency};

use super::{Applicant, Party};
use crate::telemetry::{LogInterval, meter};

const SERVICE: &str = "rowhouse.admission.service";
const SIDE: &str = "rowhouse.admission.side";
const CALLER: &str = "rowhouse.admission.caller";
const URGENCY: &str = "rowhouse.admission.urgency";

static REFUSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.admission.refused")
        .with_unit("{call}")
        .with_description("Calls that were refused for the load, by urgency")
        .build()
});

static ADMITTED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.admission.admitted")
        .with_unit("{call}")
        .with_description("Calls that got a place, by urgency")
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

/// The numbers of calls that were admitted and refused.
pub(super) struct Calls {
    service: ServiceName,
    side: &'static str,
    /// The number of refusals.
    count: AtomicU64,
    /// The number at the last log line.
    logged: AtomicU64,
    log: LogInterval,
}

impl Calls {
    /// Makes the counters begin at 0, so that the first refusal is an increase, and a service that refuses every call has a rate of admitted ones.
    pub(super) fn expect(service: ServiceName, side: &'static str) -> Self {
        let (count, logged, log) = Default::default();
        let calls = Self { service, side, count, logged, log };
        for caller in ["tenant", "stranger"] {
            for urgency in ["interactive", "batch"] {
                let attributes = calls.attributes(caller, urgency);
                ADMITTED.add(0, &attributes);
                REFUSED.add(0, &attributes);
            }
        }
        calls
    }

    /// Counts a call that got a place.
    pub(super) fn admitted(&self, applicant: Applicant) {
        ADMITTED.add(1, &self.attributes_of(applicant));
    }

    /// Counts a refusal and returns its number. The log says that there are some, not each of them: a program that has too much to
    /// do must not write about it.
    pub(super) fn refused(&self, applicant: Applicant) -> u64 {
        REFUSED.add(1, &self.attributes_of(applicant));
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if self.log.is_due() {
            let refused = (number + 1).saturating_sub(self.logged.swap(number + 1, Ordering::Relaxed));
            let Self { service, side, .. } = self;
            tracing::warn!(
                refused,
                "overloaded: calls to {service} were refused at the {side}; rowhouse.admission.refused counts them"
            );
        }
        number
    }

    fn attributes_of(&self, applicant: Applicant) -> [KeyValue; 4] {
        let caller = match applicant.party {
            Party::Tenant(_) => "tenant",
            Party::Stranger(_) => "stranger",
        };
        let urgency = match applicant.urgency {
            Urgency::Interactive => "interactive",
            Urgency::Batch => "batch",
        };
        self.attributes(caller, urgency)
    }

    fn attributes(&self, caller: &'static str, urgency: &'static str) -> [KeyValue; 4] {
        let [service, side] = attributes(self.service, self.side);
        [service, side, KeyValue::new(CALLER, caller), KeyValue::new(URGENCY, urgency)]
    }
}
