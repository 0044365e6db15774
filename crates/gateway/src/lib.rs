//! The gateway: REST in, gRPC out.
//!
//! It verifies the caller's token, turns a request into one call of a service, and the answer or error back into
//! JSON. It holds no state and has no database; the services validate the values of a request.

mod app;
mod arrival;
mod body;
mod caller;
mod clients;
mod compression;
mod config;
mod connections;
mod error;
mod head;
mod header_names;
mod headers;
mod https;
mod json;
mod limits;
mod load_shedding;
mod metrics;
mod openapi;
mod origin;
mod query;
mod reply;
mod request_name;
mod rest;
mod route;
mod routes;
mod socket;
mod trace;
mod uri;

pub use app::{App, Gateway, ServeError};
pub use config::{Config, Endpoint, Endpoints, HttpTlsArgs};
pub use openapi::DOCUMENT as OPENAPI_DOCUMENT;
