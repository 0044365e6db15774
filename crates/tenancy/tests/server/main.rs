//! Tests of the kernel against unusual servers: settings, languages, outages and poolers.

#![allow(missing_docs, reason = "what diesel::table! makes is public")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod all_settings;
mod language;
mod listening;
mod outages;
mod pooler;
mod reasons;
mod refused_settings;
mod settings;
mod tls;
mod url_file;
mod world;
