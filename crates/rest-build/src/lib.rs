//! Generates a REST gateway from an API definition in proto: the JSON types, the actix-web routes, and the OpenAPI 3.1
//! document of every method that has a `google.api.http` binding.

mod comments;
mod model;
mod openapi;
mod rust;

use prost_reflect::DescriptorPool;
use rowhouse_api::OptionError;
use serde_json::Value;

pub use model::{Hosts, Model};
pub use openapi::ErrorSets;

/// The reason why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition lacks something, or uses something that is not supported.
    #[error(transparent)]
    Definition(#[from] OptionError),
    /// The generated code is not valid Rust, which is a fault of this crate.
    #[error("the generated code cannot be parsed: {0}")]
    Code(#[from] syn::Error),
}

/// The generated files.
#[derive(Debug)]
pub struct Generated {
    /// A Rust file: the JSON types, a handler for each method, and `configure`, which registers them.
    pub rust: String,
    /// The OpenAPI document.
    pub openapi: Value,
}

/// Generates code and document for all services of `pool`, which has source information for the comments. `base` is the
/// OpenAPI document of what is written by hand; `errors` are the codes that operations can end with beside their own; `hosts`
/// says where each package is served.
pub fn generate(
    pool: &DescriptorPool,
    base: Value,
    errors: &ErrorSets,
    hosts: Hosts<'_>,
) -> Result<Generated, Error> {
    let model = Model::of(pool, hosts)?;
    Ok(Generated { rust: rust::file(&model)?, openapi: openapi::document(&model, base, errors)? })
}
