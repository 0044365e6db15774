//! Operators' commands on tenants: listing, showing, suspending and resuming them, and what they used.
//!
//! All of them work as `rowhouse_owner`, which is subject to row-level security: they find tenants in `tenancy.directory()`, and enter
//! one after another for the rest.

mod directory;
mod error;
mod overview;
mod owner;
mod size;
mod suspension;
mod transactions;
mod usage;

pub(crate) use directory::as_text;
pub use directory::{Tenant, find, list};
pub use error::TenantError;
pub use overview::{Overview, Suspension, Usage, overview};
pub use owner::connect_as_owner;
pub(crate) use owner::enter;
pub use size::{DataSize, TableSize};
pub use suspension::{Suspended, resume, suspend};
pub use usage::{Span, TenantUsage, usage};
