//! Metrics of a pool of threads.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use super::queues::Queues;
use crate::telemetry::{SECONDS, meter};

const CALLER: &str = "rowhouse.hashing.caller";

static REFUSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.hashing.refused")
        .with_unit("{request}")
        .with_description(
            "Requests to hash a password that were refused, since they would have waited too long",
        )
        .build()
});
static DURATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    meter()
        .f64_histogram("rowhouse.hashing.duration")
        .with_unit("s")
        .with_description("Time for which a thread hashed a password")
        .with_boundaries(SECONDS.to_vec())
        .build()
});

const fn caller(known: bool) -> &'static str {
    if known { "known" } else { "stranger" }
}

pub(super) fn refused(known: bool) {
    REFUSED.add(1, &[KeyValue::new(CALLER, caller(known))]);
}

pub(super) fn finished(time: Duration) {
    DURATIONS.record(time.as_secs_f64(), &[]);
}

/// Observes the queues of a pool as long as it exists.
pub(super) fn observe(queues: &Arc<Mutex<Queues>>) {
    // An increase needs a beginning.
    for known in [true, false] {
        REFUSED.add(0, &[KeyValue::new(CALLER, caller(known))]);
    }
    let queues = Arc::downgrade(queues);
    meter()
        .u64_observable_gauge("rowhouse.hashing.queued")
        .with_unit("{request}")
        .with_description("Requests to hash a password that wait for a thread")
        .with_callback(move |observer| {
            let Some(queues) = queues.upgrade() else { return };
            let queues = queues.lock().unwrap_or_else(PoisonError::into_inner);
            for (queue, known) in [(&queues.known, true), (&queues.unknown, false)] {
                let waiting = u64::try_from(queue.len()).unwrap_or(u64::MAX);
                observer.observe(waiting, &[KeyValue::new(CALLER, caller(known))]);
            }
        })
        .build();
}
