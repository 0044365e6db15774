//! The example resource: a tenant's orders.
//!
//! Copy this crate to begin one of your own. A call goes through three rooms: `rpc` reads the message,
//! `domain` says whether it makes sense, `store` asks the database inside a tenant's transaction. Nothing
//! here filters by tenant for safety's sake: a transaction shows one tenant's rows, so a foreign order and
//! a missing one are the same thing.

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
