//! The isolation kernel: tenant contexts, tenant transactions, and the audit of the catalogue.
//!
//! A tenant enters the program in one of two ways: from a verified access token, or by an explicit
//! [`SystemOrigin`]. Both create a [`TenantContext`], which [`TenantDb::tx`] requires to open a transaction, in which
//! PostgreSQL shows the rows of this tenant and no others. There is no other way to a connection, so code that
//! leaves the tenant out does not compile.
//!
//! Without the feature `db` the crate links no database driver: the gateway uses only the contexts and the gRPC
//! layers.

mod context;
pub mod grpc;
pub mod shares;
mod tenant_id;
mod tenant_status;

#[cfg(feature = "db")]
pub mod audit;
#[cfg(feature = "db")]
mod db;
#[cfg(all(doctest, feature = "db"))]
mod must_not_compile;

pub use context::{SystemOrigin, TenantContext};
#[cfg(feature = "db")]
pub use db::*;
pub use tenant_id::{InvalidTenantId, TenantId};
pub use tenant_status::{TenantStatus, UnknownTenantStatus};
