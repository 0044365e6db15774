//! Backups, recovery, fail-over and a full disk: the commands of `docs/backups.md`, as printed there, on clusters of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod dump;
mod failover;
mod full_disk;
mod guide;
mod load;
mod moment;
mod rows;
mod shell;
mod small_disk;
mod started;
mod world;

/// Not a test of anything: the server on a small disk is started as this.
#[test]
fn as_a_server() {
    small_disk::serve();
}
