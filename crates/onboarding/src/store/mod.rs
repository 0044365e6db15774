//! The queries, in a module for each table.

pub(crate) mod expired;
pub(crate) mod idempotency_keys;
pub(crate) mod onboardings;
pub(crate) mod tenants;
