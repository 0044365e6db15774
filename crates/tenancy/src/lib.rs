//! The isolation kernel.
//!
//! A tenant enters the program in one of two ways: out of a verified access token, or by an explicit
//! [`SystemOrigin`]. Either makes a [`TenantContext`], and only with one does [`TenantDb::tx`] open a
//! transaction, in which PostgreSQL shows this tenant's rows and no others. There is no other way to a
//! connection, so leaving the tenant out does not compile.
//!
//! Without the `db` feature the crate knows nothing of a database: the gateway uses the contexts and the
//! gRPC layers alone.

mod context;
pub mod grpc;
mod tenant_id;

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
