//! The REST API over real sockets: the gateway alone, with nothing behind it, and in front of a whole system.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod alone;
mod api;
mod bodies;
mod documents;
mod headers;
mod login;
mod onboarding;
mod orders;
mod repeats;
mod schema;
mod tokens;
mod upstream;
