//! The queries.

pub(crate) mod idempotency_keys;
pub(crate) mod onboardings;
pub(crate) mod tenants;
