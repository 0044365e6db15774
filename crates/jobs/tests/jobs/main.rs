//! Tests of jobs on a real PostgreSQL, as the service's own role.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cancelling;
mod classes;
mod enqueueing;
mod fairness;
mod global;
mod instances;
mod killing;
mod outcomes;
mod panics;
mod privileges;
mod suspension;
mod times;
mod waking;
mod world;
