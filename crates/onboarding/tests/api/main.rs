//! Tests of the service over gRPC, with a real database and the real auth service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod binary;
mod defaults;
mod onboard;
mod progress;
mod repeat;
mod sign_ups;
mod start;
mod support;
