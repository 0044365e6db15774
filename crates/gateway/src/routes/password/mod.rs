//! A person's password.

pub(super) mod change;
pub(super) mod forgot;
pub(super) mod reset;

use serde::Serialize;
use utoipa::ToSchema;

/// Nothing, so that nothing can be learnt from it.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {}
