//! What a test may want to be different.

use std::num::NonZeroU32;
use std::time::Duration;

use rowhouse_auth::SignUpArgs;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::rate_limit::{RateLimit, RateLimits};
use rowhouse_jobs::WorkerArgs;

/// Limits that answers tell of, and that no test comes near.
const UNREACHED: RateLimit = {
    let many = NonZeroU32::MIN.saturating_add(99_999);
    RateLimit::new(many, many)
};

/// How a [`crate::TestSystem`] is made.
#[derive(Clone, Debug)]
pub struct TestOptions {
    /// Connections of each service.
    pub pool_size: u32,
    /// How long a transaction waits for a free connection.
    pub acquire_timeout: Duration,
    /// The longest time that a request may take.
    pub request_timeout: Duration,
    /// How many requests a tenant, a person and an API key may send to the gateway; the services take twice as many.
    pub rate_limits: RateLimits,
    /// Life of an access token.
    pub token_lifetime: Duration,
    /// Cost of a password's hash. The least by default: tests look at whether a password is checked, not at how long it
    /// would take to guess it.
    pub bcrypt_cost: u32,
    /// How often one may sign up.
    pub sign_ups: SignUpArgs,
    /// The URLs of the services' database, for those before which something stands, such as a [`crate::Proxy`].
    pub database_urls: PerService<Option<String>>,
    /// How each service works its jobs off.
    pub jobs: WorkerArgs,
    /// Where traces are sent. Telemetry belongs to the process: of the systems that run in one, only one may
    /// have this.
    pub otlp_endpoint: Option<String>,
}

impl TestOptions {
    /// The same, with another URL of a service's database.
    #[must_use]
    pub fn with_database_url(mut self, service: ServiceName, url: String) -> Self {
        self.database_urls[service] = Some(url);
        self
    }
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            pool_size: 4,
            acquire_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            rate_limits: RateLimits { tenant: UNREACHED, user: UNREACHED, api_key: UNREACHED },
            token_lifetime: Duration::from_mins(10),
            bcrypt_cost: 4,
            sign_ups: SignUpArgs::generous(),
            database_urls: PerService::default(),
            jobs: WorkerArgs { lease: Duration::from_secs(2), ..WorkerArgs::default() },
            otlp_endpoint: None,
        }
    }
}
