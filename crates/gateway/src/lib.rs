//! REST in, gRPC out.
//!
//! The gateway verifies the caller's token, turns a request into one call of a service, and the answer, or
//! the error, back into JSON. It holds no state and knows no database; what is right or wrong about a
//! request's values is the services' business.

mod app;
mod body;
mod caller;
mod clients;
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

pub use app::{App, RunError, ServeError, StartError};
pub use config::Config;
pub use openapi::DOCUMENT as OPENAPI_DOCUMENT;
use rowhouse_chassis::shutdown::Shutdown;

/// Runs the gateway until `shutdown` is requested and the running requests are answered.
pub async fn serve(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let app = App::build(config).await?;
    tracing::info!(address = %app.address(), "the gateway listens on http://{}", app.address());
    Ok(app.serve(shutdown).await?)
}
