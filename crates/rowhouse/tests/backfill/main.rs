//! Tests of `rowhouse backfill`, with orders from before there were priorities.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod addresses;
mod differences;
mod directory;
mod interrupted;
mod many;
mod options;
mod program;
mod whole_way;
mod world;
