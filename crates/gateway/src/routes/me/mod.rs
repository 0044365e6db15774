//! The caller.

pub(super) mod get;
