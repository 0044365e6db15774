//! The example resource: a tenant's orders.
//!
//! Copy this crate to begin one of your own. A call goes through three rooms: `rpc` reads the message,
//! `domain` says whether it makes sense, `store` asks the database inside a tenant's transaction. Nothing
//! here filters by tenant for safety's sake: a transaction shows one tenant's rows, so a foreign order and
//! a missing one are the same thing.

mod app;
mod config;
mod domain;
mod error;
mod exports;
mod json;
mod purge;
mod rpc;
mod schema;
mod store;
mod webhooks;

pub use app::{App, RunError, StartError};
pub use config::Config;
use rowhouse_chassis::shutdown::Shutdown;

/// Runs the service until `shutdown` is requested and the running calls are finished.
pub async fn serve(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let app = App::build(config).await?;
    tracing::info!(address = %app.address(), "orders listens on {}", app.address());
    Ok(app.serve(shutdown).await?)
}
