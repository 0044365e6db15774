//! The operator's commands, for the command line: suspending tenants, backfills, and rewriting email addresses.
//!
//! They work as `rowhouse_owner`, which is subject to row-level security like every other role.

pub mod addresses;
pub mod backfill;
pub mod tenants;
