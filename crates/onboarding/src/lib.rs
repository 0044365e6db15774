//! Brings tenants into being.
//!
//! A new tenant is a row in the directory and a first owner, or an invitation for one, whom the auth service keeps.
//! The two are written by two services, so an onboarding goes in steps that can each be repeated: the tenant in the
//! status `provisioning`, in which nobody can log in; the owner; the status `active`. One that was
//! refused in between is taken back, and one that was interrupted goes on when it is repeated with its
//! idempotency key.

mod app;
mod auth_client;
mod config;
mod domain;
mod error;
mod proofs;
mod rpc;
mod schema;
mod store;

pub use app::{App, RunError, StartError};
pub use config::Config;
use rowhouse_chassis::shutdown::Shutdown;

/// Runs the service until `shutdown` is requested and the running calls are finished.
pub async fn serve(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let app = App::build(config).await?;
    tracing::info!(address = %app.address(), "onboarding listens on {}", app.address());
    Ok(app.serve(shutdown).await?)
}
