//! Metrics of webhooks.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use rowhouse_chassis::telemetry::{SECONDS, meter};
use rowhouse_jobs::Oldest;

/// The oldest event that an endpoint still has to get.
pub(crate) const OLDEST_WEBHOOK: Oldest = Oldest {
    gauge: "rowhouse.webhook.oldest_age",
    description: "Time since the oldest event happened that an endpoint still has to get",
    operation: "webhooks.oldest_delivery",
    query: "SELECT orders.oldest_delivery($1) AS seconds",
};

const RESULT: &str = "rowhouse.webhook.result";

static ATTEMPTS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    meter()
        .f64_histogram("rowhouse.webhook.attempt.duration")
        .with_unit("s")
        .with_description("Duration of the attempts to deliver webhooks, by result")
        .with_boundaries(SECONDS.to_vec())
        .build()
});
static SUPPRESSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.webhook.suppressed")
        .with_unit("{delivery}")
        .with_description("Deliveries that were given up because their endpoint is disabled")
        .build()
});

/// Makes the counter begin at 0, so that the first suppressed delivery is an increase.
pub(super) fn expect_deliveries() {
    suppressed(0);
}

/// Records an attempt.
pub(super) fn attempted(delivered: bool, took: Duration) {
    let result = if delivered { "delivered" } else { "failed" };
    ATTEMPTS.record(took.as_secs_f64(), &[KeyValue::new(RESULT, result)]);
}

/// Records deliveries that are not attempted.
pub(super) fn suppressed(deliveries: usize) {
    SUPPRESSED.add(u64::try_from(deliveries).unwrap_or(u64::MAX), &[]);
}
