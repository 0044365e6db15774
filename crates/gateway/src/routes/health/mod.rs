//! The gateway's health.

pub(super) mod alive;
pub(super) mod ready;

use serde::Serialize;

/// The gateway's health.
#[derive(Serialize)]
struct Health {
    status: &'static str,
}
