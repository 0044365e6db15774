//! How the gateway is.

pub(super) mod alive;
pub(super) mod ready;

use serde::Serialize;

/// How the gateway is.
#[derive(Serialize)]
struct Health {
    status: &'static str,
}
