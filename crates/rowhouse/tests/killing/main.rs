//! Onboarding while its processes are killed: auth, onboarding and orders as processes of their own, and a PostgreSQL of
//! their own. Whatever is killed with SIGKILL, and whenever: what was accepted is completed, once, and nothing is left by
//! halves.
//!
//! In a short run some of the moments are taken; `ROWHOUSE_KILLING=all` takes all of them.

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
mod service;
mod world;

/// Whether there is time for everything.
fn is_thorough() -> bool {
    std::env::var_os("ROWHOUSE_KILLING").is_some_and(|value| value == "all")
}
