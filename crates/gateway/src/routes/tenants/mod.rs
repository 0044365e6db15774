//! Tenants.

pub(super) mod onboard;
