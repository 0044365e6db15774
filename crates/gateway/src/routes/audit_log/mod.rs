//! What happened.

mod entry;
pub(super) mod list;
