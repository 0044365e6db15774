//! Access tokens.

pub(super) mod login;
