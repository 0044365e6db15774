//! Identities, memberships and access tokens.
//!
//! A person is one identity, known by an e-mail address, and a member of any number of tenants. Login
//! exchanges the password for a token that names exactly one of them; every other service believes a
//! tenant only out of such a token.
//!
//! Nobody learns here whether an address has an identity: an unknown address and a wrong password get the
//! same answer after the same work.

mod app;
mod config;
mod domain;
mod error;
mod hashing;
mod jobs;
mod mail;
mod purge;
mod rpc;
mod schema;
mod sealing;
mod store;
mod tasks;
mod throttle;

pub use app::{App, RunError, StartError};
pub use config::{Config, MailArgs, SessionArgs, SignUpArgs};
pub use mail::MailError;
use rowhouse_chassis::shutdown::Shutdown;
pub use sealing::EncryptionKeysError;

/// Runs the service until `shutdown` is requested and the running calls are finished.
pub async fn serve(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let app = App::build(config).await?;
    tracing::info!(address = %app.address(), "auth listens on {}", app.address());
    Ok(app.serve(shutdown).await?)
}
