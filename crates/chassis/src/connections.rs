//! [`Excess`], the count of connections that a server refused or closed because there were too many.

use std::sync::LazyLock;

use opentelemetry::metrics::Counter;

use crate::telemetry::{LogInterval, meter};

static EXCESS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.connections.excess")
        .with_unit("{connection}")
        .with_description(
            "Connections that were refused, or closed after an answer, since there were too many",
        )
        .build()
});

/// The count of connections that were too many.
#[derive(Debug)]
pub struct Excess(LogInterval);

impl Excess {
    /// Makes the counter begin at 0, so that the first one is an increase.
    #[must_use]
    pub fn expect() -> Self {
        EXCESS.add(0, &[]);
        Self(LogInterval::default())
    }

    /// Counts a connection. The log says that there are some, not each of them.
    pub fn count(&self) {
        EXCESS.add(1, &[]);
        if self.0.is_due() {
            tracing::warn!(
                "overloaded: there are about as many connections as there may be (ROWHOUSE_MAX_CONNECTIONS), and some are refused or \
                 closed; rowhouse.connections.excess counts them"
            );
        }
    }
}
