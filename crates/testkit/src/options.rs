//! [`TestOptions`], the settings of a [`crate::TestSystem`].

use std::num::NonZeroU32;
use std::time::Duration;

use rowhouse_auth::{MailArgs, SignUpArgs};
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::config::{AdmissionArgs, TelemetryArgs};
use rowhouse_chassis::rate_limit::{RateLimit, RateLimits};
use rowhouse_jobs::WorkerArgs;

/// A rate limit that appears in responses and that no test reaches.
const UNREACHED: RateLimit = {
    let many = NonZeroU32::MIN.saturating_add(99_999);
    RateLimit::new(many, many)
};

/// The settings of a [`crate::TestSystem`].
#[derive(Clone, Debug)]
pub struct TestOptions {
    /// The number of database connections of each service.
    pub pool_size: u32,
    /// The time for which a transaction waits for a free connection.
    pub acquire_timeout: Duration,
    /// The interval at which each service audits its schema.
    pub audit_interval: Duration,
    /// The time limit of a request.
    pub request_timeout: Duration,
    /// The calls that run at once in each service, and the connections to each part.
    pub admission: AdmissionArgs,
    /// The gateway's rate limits for a tenant, a person and an API key. The services' limits are twice as high.
    pub rate_limits: RateLimits,
    /// The lifetime of an access token.
    pub token_lifetime: Duration,
    /// The cost of a password's hash. The default is the lowest: tests check that passwords are verified, not that they are
    /// slow to guess.
    pub bcrypt_cost: u32,
    /// The limits on sign-ups.
    pub sign_ups: SignUpArgs,
    /// The settings of emails, or `None` for a directory, which [`crate::TestSystem::mail_to`] reads.
    pub mail: Option<MailArgs>,
    /// The URLs of the services' databases, for those that lead through something like a [`crate::Proxy`].
    pub database_urls: PerService<Option<String>>,
    /// The settings of each service's job workers.
    pub jobs: WorkerArgs,
    /// The settings of telemetry, or `None` to log nothing. Telemetry is global to the process, so only one system per process can
    /// have it.
    pub telemetry: Option<TelemetryArgs>,
}

impl TestOptions {
    /// Replaces the URL of a service's database.
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
            audit_interval: Duration::from_hours(1),
            request_timeout: Duration::from_secs(10),
            admission: AdmissionArgs::default(),
            rate_limits: RateLimits { tenant: UNREACHED, user: UNREACHED, api_key: UNREACHED },
            token_lifetime: Duration::from_mins(10),
            bcrypt_cost: 4,
            sign_ups: SignUpArgs::generous(),
            mail: None,
            database_urls: PerService::default(),
            jobs: WorkerArgs { lease: Duration::from_secs(2), ..WorkerArgs::default() },
            telemetry: None,
        }
    }
}
