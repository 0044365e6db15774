//! The services and gateways as processes, two instances of each, under load: instances share the requests, a rolling restart fails
//! none, and neither faults nor a fail-over of PostgreSQL lose anything that was acknowledged.
//!
//! A short run restarts each process once or twice; `ROWHOUSE_RESTARTS_REQUESTS=100000` restarts them until so many requests were made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod balance;
mod failover;
mod faults;
mod front;
mod load;
mod newcomers;
mod rolling;
mod world;

/// Not a test of anything: the programs are started as this.
#[test]
fn as_a_process() {
    rowhouse_testkit::serve_as_a_process();
}
