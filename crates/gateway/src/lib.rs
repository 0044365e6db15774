//! REST in, gRPC out.
//!
//! The gateway verifies the caller's token, turns a request into one call of a service, and the answer, or
//! the error, back into JSON. It holds no state and knows no database; what is right or wrong about a
//! request's values is the services' business.

mod app;
mod body;
mod caller;
mod clients;
mod compression;
mod config;
mod error;
mod head;
mod headers;
mod json;
mod limits;
mod openapi;
mod origin;
mod query;
mod readiness;
mod reply;
mod rest;
mod routes;
mod trace;
mod uri;

pub use app::{App, Gateway, ServeError};
pub use config::{Config, Endpoint, Endpoints};
pub use openapi::DOCUMENT as OPENAPI_DOCUMENT;
