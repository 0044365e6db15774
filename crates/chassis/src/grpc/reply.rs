//! The answer of a handler.

use tonic::{Response, Status};

use crate::error::IntoStatus;

/// The return type of a method of a generated trait.
pub type Reply<T> = Result<Response<T>, Status>;

/// Converts the result of a call to its answer. `operation` is the name in the log if the fault is internal.
pub fn reply<T, E: IntoStatus>(operation: &'static str, outcome: Result<T, E>) -> Reply<T> {
    outcome.map(Response::new).map_err(|error| error.into_status(operation))
}
