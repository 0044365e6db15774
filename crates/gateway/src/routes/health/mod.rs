//! How the gateway is.

pub(super) mod alive;
pub(super) mod ready;

use serde::Serialize;
use utoipa::ToSchema;

/// How the gateway is.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}
