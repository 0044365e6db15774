//! The queries, in a module for each table.

pub(crate) mod allowances;
pub(crate) mod api_keys;
pub(crate) mod attempts;
pub(crate) mod audit_log;
pub(crate) mod expired;
pub(crate) mod idempotency_keys;
pub(crate) mod identities;
pub(crate) mod invitations;
pub(crate) mod members;
pub(crate) mod memberships;
pub(crate) mod one_time_tokens;
pub(crate) mod sessions;
pub(crate) mod single_letters;
pub(crate) mod totp;
