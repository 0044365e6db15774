//! The command line: a whole system on one machine, migrations, the audit, keys, tenants.
//!
//! It parses arguments and prints; what it does is in crates of its own. The only crate that knows all the others.

pub mod cli;
pub mod dev;
