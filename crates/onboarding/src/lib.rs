//! Brings tenants into being.
//!
//! A tenant is set up by several services, each of which may stop at any moment. So whatever can be refused is asked for
//! before anything is there; then one transaction creates the tenant in the status `provisioning`, in which nobody can log
//! in, together with the record of its set-up and a job; and the job takes the steps, each of which can be repeated and is
//! written down: the first owner, or an invitation for one, whom auth keeps; the defaults, which orders keeps; the welcome
//! letter; the status `active`. Where a step is refused for good, what was done is taken back, and the tenant is `failed`.
//!
//! The background work of a tenant, whichever service does it, is shown here as well.

mod app;
mod auth_client;
mod config;
mod domain;
mod error;
mod jobs;
mod orders_client;
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
