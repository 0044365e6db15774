//! Tests of the service over gRPC, with a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod etags;
mod exports;
mod exports_download;
mod exports_gate;
mod exports_interrupted;
mod exports_support;
mod idempotency;
mod instance;
mod invalid;
mod lifecycle;
mod neighbours;
mod numbers;
mod pages;
mod priority;
mod round_trips;
mod start;
mod together;
mod webhooks;
mod world;
