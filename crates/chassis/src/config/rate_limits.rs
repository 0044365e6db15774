//! [`RateLimitArgs`], the arguments for the rate limits of tenants, people and API keys.

use clap::Args;

use crate::rate_limit::{RateLimit, RateLimits};

/// The default of the tenant's rate limit at the gateway.
pub const GATEWAY_TENANT_RATE: &str = "100:500";

/// The default of the tenant's rate limit at a service. It is twice the gateway's, so that services do not refuse
/// what the gateway let through.
pub(super) const SERVICE_TENANT_RATE: &str = "200:1000";

/// The arguments for rate limits. A program that flattens this sets the default of `tenant_rate_limit` by `mut_arg`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rate limits")]
pub struct RateLimitArgs {
    /// Maximum requests per second of a tenant, and its burst, such as 100:500; 0 for no limit. Each instance counts for itself
    #[arg(long, env = "ROWHOUSE_TENANT_RATE_LIMIT", value_name = "RATE:BURST", required = false)]
    pub tenant_rate_limit: RateLimit,
    /// Maximum requests per second of a person in a tenant, and the burst; half of the tenant's by default
    #[arg(long, env = "ROWHOUSE_USER_RATE_LIMIT", value_name = "RATE:BURST")]
    pub user_rate_limit: Option<RateLimit>,
    /// Maximum requests per second of an API key, and the burst; half of the tenant's by default
    #[arg(long, env = "ROWHOUSE_API_KEY_RATE_LIMIT", value_name = "RATE:BURST")]
    pub api_key_rate_limit: Option<RateLimit>,
}

impl RateLimitArgs {
    /// Returns the limits, with defaults that are derived from the tenant's.
    #[must_use]
    pub fn limits(&self) -> RateLimits {
        let tenant = self.tenant_rate_limit;
        let of_one = |given: Option<RateLimit>| given.unwrap_or_else(|| tenant.half());
        RateLimits { tenant, user: of_one(self.user_rate_limit), api_key: of_one(self.api_key_rate_limit) }
    }
}

impl From<RateLimits> for RateLimitArgs {
    fn from(RateLimits { tenant, user, api_key }: RateLimits) -> Self {
        Self { tenant_rate_limit: tenant, user_rate_limit: Some(user), api_key_rate_limit: Some(api_key) }
    }
}
