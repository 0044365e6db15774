//! What an operator does with tenants: list them, look at one, suspend it, resume it.
//!
//! All of it is done as `rowhouse_owner`, who is bound by row-level security as everybody else, and enters one tenant after
//! the other.

mod directory;
mod error;
mod overview;
mod owner;
mod reason;
mod suspension;
mod transactions;

pub use directory::{Tenant, TenantStatus, find, list};
pub use error::TenantError;
pub use overview::{Overview, Suspension, overview};
pub use owner::connect_as_owner;
pub(crate) use owner::enter;
pub use reason::Reason;
pub use suspension::{Suspended, resume, suspend};
