//! The keys that verify access tokens.

pub(super) mod get;
