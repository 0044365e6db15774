//! Connections to PostgreSQL, for the isolation kernel and for the administrator's commands: over TCP or a Unix
//! socket, with TLS as libpq's `sslmode` says it, and with the SQLSTATE of each error, which diesel drops.
//!
//! Services do not use this crate: they access the database through `TenantDb`.

mod address;
mod address_error;
mod driver;
mod failure;
mod libpq;
mod negotiate;
mod parameters;
mod presented;
mod session;
mod sqlstate;
mod stream;
mod tls;

pub use address::Address;
pub use address_error::AddressError;
pub use driver::{Driver, into_diesel};
pub use failure::ConnectFailure;
pub use presented::PresentedCertificate;
pub use session::SESSION;
pub use sqlstate::sqlstate;
