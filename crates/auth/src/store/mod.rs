//! Queries, and nothing else.

pub(crate) mod identities;
pub(crate) mod memberships;
