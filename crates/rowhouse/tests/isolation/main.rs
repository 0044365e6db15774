//! No row of one tenant ever reaches another: at every level, above the pool's size, and with every query's own
//! predicate removed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod abandoned;
mod background;
mod background_grpc;
mod caller;
mod concurrency;
mod every_address;
mod growth;
mod grpc;
mod identity;
mod life;
mod limits;
mod orders;
mod predicates;
mod rest;
mod round_trips;
mod seed;
mod sql;
mod sql_refusals;
mod without_predicates;
