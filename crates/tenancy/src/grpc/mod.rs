//! The tenant on the wire: `authorization` proves it, `x-tenant-id` may repeat it.

mod authenticate;
mod carry;

pub use authenticate::{
    Authenticate, AuthenticateError, AuthenticateLayer, PublicMethods, bearer_token, context,
};
pub use carry::carry_token;

/// The metadata key that may repeat the token's tenant. It never selects one.
pub const TENANT_ID_KEY: &str = "x-tenant-id";
