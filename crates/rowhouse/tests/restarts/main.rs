//! Restarts under load, with the services and gateways as processes, two instances of each: a rolling restart fails no request, and
//! a fail-over of PostgreSQL loses nothing that was acknowledged.
//!
//! A short run restarts each process once or twice; `ROWHOUSE_RESTARTS_REQUESTS=100000` restarts them until so many requests were made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod failover;
mod forwarder;
mod front;
mod load;
mod process;
mod rolling;
mod standby;
mod world;
