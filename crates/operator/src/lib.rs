//! What an operator does with tenants, and with the rows of all of them: a library for the command line.
//!
//! All of it is done as `rowhouse_owner`, who is bound by row-level security as everybody else.

pub mod addresses;
pub mod backfill;
pub mod tenants;
