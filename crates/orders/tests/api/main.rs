//! The service over gRPC, against a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod etags;
mod idempotency;
mod invalid;
mod lifecycle;
mod numbers;
mod pages;
mod start;
mod world;
