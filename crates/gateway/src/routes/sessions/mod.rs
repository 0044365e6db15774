//! Where people are logged in.

pub(super) mod delete;
pub(super) mod list;
