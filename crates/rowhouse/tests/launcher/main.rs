//! Tests of the program, as a person starts and stops it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod commands;
mod databases;
mod dev;
mod encryption;
#[cfg(target_os = "linux")]
mod hangup;
mod lifecycle;
mod logs;
mod managed;
mod people;
mod refusals;
mod run;
