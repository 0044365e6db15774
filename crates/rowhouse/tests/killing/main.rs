//! Onboarding while its processes are killed: auth, onboarding and orders as processes, and a PostgreSQL of their
//! own. Whichever is killed with SIGKILL, and whenever: an accepted onboarding is completed, once, and none is left
//! half done.
//!
//! A short run takes some of the moments; `ROWHOUSE_KILLING=all` takes all of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod boundaries;
mod checks;
mod client;
mod link;
mod random;
mod world;

/// Returns whether all boundaries are taken.
fn is_thorough() -> bool {
    std::env::var_os("ROWHOUSE_KILLING").is_some_and(|value| value == "all")
}

/// Not a test of anything: the services are started as this.
#[test]
fn as_a_process() {
    rowhouse_testkit::serve_as_a_process();
}
