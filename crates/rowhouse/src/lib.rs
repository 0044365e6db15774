//! The command line: a whole system on one machine, migrations, the audit, keys, tenants.
//!
//! It parses arguments and prints results; the work is done by other crates. It is the only crate that depends on all of them.

#![warn(clippy::print_stderr, reason = "`eprintln!` panics if nobody reads standard error any more")]

pub mod cli;
pub mod dev;
