//! The operator's commands, for the command line: tenants, people, backfills, encryption, and the record of what operators did.
//!
//! They work as `rowhouse_owner`, which is subject to row-level security like every other role.

#![warn(clippy::print_stderr, reason = "`eprintln!` panics if nobody reads standard error any more")]

pub mod actions;
pub mod addresses;
pub mod backfill;
pub mod encryption;
mod page;
pub mod people;
pub mod tenants;

pub use page::{Page, Search};
