//! TLS between services: servers and clients whose certificates are read again when they change.

mod call;
pub(crate) mod expiry;
mod names;
mod reloaded;
mod server;

pub use call::CallTls;
pub use reloaded::{Reloaded, certificate};
pub use rowhouse_tls::{TlsFileError, provider};
pub use server::ServerTls;
