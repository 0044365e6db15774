//! Metrics of rate limits.

use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::telemetry::meter;

static REFUSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.rate_limit.refused")
        .with_unit("{request}")
        .with_description("Requests over a rate limit, by whose it is")
        .build()
});

/// Records a refusal by the limit of a kind of party, such as `tenant`.
pub(super) fn refused(party: &'static str) {
    REFUSED.add(1, &[KeyValue::new("rowhouse.rate_limit.party", party)]);
}
