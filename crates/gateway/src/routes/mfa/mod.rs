//! The caller's second factor: one-time passwords of the clock (RFC 6238).

pub(super) mod confirm;
pub(super) mod create;
pub(super) mod delete;
