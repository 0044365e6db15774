//! The command line: a whole system on one machine, migrations, the audit, keys.
//!
//! The only crate that knows all the others. As a library it is what the tests boot their databases with.

pub mod addresses;
pub mod backfill;
pub mod bootstrap;
pub mod cli;
pub mod dev;
pub mod encryption_keys;
mod files;
pub mod keys;
pub mod mailbox;
pub mod postgres;
pub mod system;
pub mod tenants;
