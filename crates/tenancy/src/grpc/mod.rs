//! The tenant in gRPC metadata: `authorization` proves it, `x-tenant-id` can repeat it.

mod authenticate;
mod carry;

pub use authenticate::{Authenticate, AuthenticateError, AuthenticateLayer, IsPublic, bearer_token, context};
pub use carry::carry_token;

/// The metadata key that can repeat the token's tenant. It never selects a tenant.
pub const TENANT_ID_KEY: &str = "x-tenant-id";
