//! The names of headers that several modules read, write or mention.

/// The header that makes a creating call safe to repeat.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header that makes a change conditional.
pub(crate) const IF_MATCH: &str = "If-Match";
