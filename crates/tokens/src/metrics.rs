//! Metrics of token verification.

use std::sync::LazyLock;

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use crate::TokenError;

static VERIFICATIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("rowhouse")
        .u64_counter("rowhouse.token.verifications")
        .with_unit("{token}")
        .with_description("Tokens that were verified, by the reason for which one was refused")
        .build()
});

/// Records a verification.
pub(crate) fn verified<T>(result: &Result<T, TokenError>) {
    match result {
        Ok(_) => VERIFICATIONS.add(1, &[]),
        Err(error) => VERIFICATIONS.add(1, &[KeyValue::new("error.type", error.kind())]),
    }
}
