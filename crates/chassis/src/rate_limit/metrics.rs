//! Metrics of rate limits.

use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::telemetry::meter;

const PARTY: &str = "rowhouse.rate_limit.party";

static REFUSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.rate_limit.refused")
        .with_unit("{request}")
        .with_description("Requests over a rate limit, by whose it is")
        .build()
});

/// Makes the counter begin at 0, so that the first refusal is an increase.
pub(super) fn expect_refusals(party: &'static str) {
    REFUSED.add(0, &[KeyValue::new(PARTY, party)]);
}

/// Records a refusal by the limit of a kind of party, such as `tenant`.
pub(super) fn refused(party: &'static str) {
    REFUSED.add(1, &[KeyValue::new(PARTY, party)]);
}
