//! Queries, and nothing else.

pub(crate) mod idempotency_keys;
mod order_lines;
pub(crate) mod orders;
