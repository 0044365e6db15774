//! The operations of the API definition, generated from `proto/` at build time, and what the generated code is made of.

#[allow(
    missing_docs,
    clippy::pedantic,
    unused_imports,
    reason = "generated code; its documentation is the comments of the .proto files"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/rest.rs"));
}

pub(crate) use generated::{configure, route};
pub(crate) use rowhouse_catalog::ServiceName;

pub(crate) use crate::caller::{Caller, OptionalCaller, Viewer};
pub(crate) use crate::clients::{Clients, MAX_ANSWER, repeatable_if};
pub(crate) use crate::error::Problem;
pub(crate) use crate::headers::{IdempotencyKey, IfMatch};
pub(crate) use crate::json::{
    Body, Json, List, Members, Named, Object, Read, Time, WholeNumber, WrittenTime, named, non_empty,
    present, required_field, required_message,
};
pub(crate) use crate::origin::Origin;
pub(crate) use crate::query::{NoQuery, filled, non_empty_list, number, one_of, parameters};
pub(crate) use crate::reply::Reply;
pub(crate) use crate::route::Route;
pub(crate) use crate::routes::{fallback, path_value};
