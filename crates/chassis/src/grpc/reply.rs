//! The answer of a handler.

use tonic::{Response, Status};

use crate::error::IntoStatus;

/// The return type of a method of a generated trait.
pub type Reply<T> = Result<Response<T>, Status>;

/// Makes the answer to a call of its outcome. `operation` is what the log calls it when the fault is the service's own.
pub fn reply<T, E: IntoStatus>(operation: &'static str, outcome: Result<T, E>) -> Reply<T> {
    outcome.map(Response::new).map_err(|error| error.into_status(operation))
}
