//! The example resource: a tenant's orders.
//!
//! Copy this crate to create your own. A call passes three modules: `rpc` parses the message, `domain` validates it,
//! `store` queries the database inside a tenant's transaction. No code here filters by tenant for isolation: a
//! transaction sees one tenant's rows, so another tenant's order and a missing one are the same.

mod args;
mod domain;
mod error;
mod exports;
mod json;
mod purge;
mod rpc;
mod schema;
mod service;
mod store;
mod webhooks;

pub use args::OrdersArgs;
pub use service::Orders;

/// The arguments of the orders service.
pub type Config = rowhouse_chassis::service::Config<Orders>;
