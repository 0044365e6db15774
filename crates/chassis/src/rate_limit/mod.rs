//! Rate limits per tenant and per API key, and for what strangers ask for per network.
//!
//! A limit is a rate and a burst, as in a bucket of tokens (GCRA): a caller that was quiet may send the burst at once, and
//! from then on as many requests a second as the rate says. Each instance of a program counts for itself, in memory. Whoever
//! has been quiet is forgotten, so what is remembered is bounded by the requests there are.

mod decision;
mod network;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::Quota;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::HashMapStateStore;
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Principal;
use uuid::Uuid;

use decision::Outcome;
pub use decision::{Decision, RATE_LIMIT, RATE_LIMIT_POLICY};
pub use network::NetworkLimiter;

/// After so many requests, callers that have been quiet since are forgotten: so many are remembered in vain at most.
const FORGET_AFTER: u32 = 10_000;

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Requests a second and how many at once; or no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit(Option<Quota>);

/// The text is no rate limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write requests a second and the burst, such as 100:500; or 0 for no limit")]
pub struct InvalidRateLimit;

impl RateLimit {
    /// No limit.
    pub const OFF: Self = Self(None);

    /// `per_second` requests a second, after a `burst` at once.
    #[must_use]
    pub const fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(Some(Quota::per_second(per_second).allow_burst(burst)))
    }

    /// Twice the rate and twice the burst.
    #[must_use]
    pub fn twice(self) -> Self {
        let doubled = |quota: Quota| {
            let burst = quota.burst_size().saturating_mul(TWO);
            Some(Quota::with_period(quota.replenish_interval() / 2)?.allow_burst(burst))
        };
        Self(self.0.and_then(doubled))
    }
}

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    /// `100:500`; without the burst it is that of one second; `0` is no limit.
    fn from_str(text: &str) -> Result<Self, InvalidRateLimit> {
        if text == "0" {
            return Ok(Self::OFF);
        }
        let (per_second, burst) = text.split_once(':').unwrap_or((text, text));
        let number = |digits: &str| digits.parse().or(Err(InvalidRateLimit));
        Ok(Self::new(number(per_second)?, number(burst)?))
    }
}

/// The limits of one program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of all callers of a tenant together.
    pub tenant: RateLimit,
    /// Of one API key.
    pub api_key: RateLimit,
}

/// Counts requests, and says which are too many.
pub struct RateLimiter<C: Clock = DefaultClock> {
    tenant: Option<Policy<Uuid, C>>,
    api_key: Option<Policy<Uuid, C>>,
}

impl RateLimiter {
    /// Nothing has been counted yet.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self::with_clock(limits, &DefaultClock::default())
    }
}

impl<C: Clock> fmt::Debug for RateLimiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").finish_non_exhaustive()
    }
}

impl<C: Clock + Clone> RateLimiter<C> {
    fn with_clock(limits: RateLimits, clock: &C) -> Self {
        let policy = |name, RateLimit(quota): RateLimit| Some(Policy::new(name, quota?, clock.clone()));
        Self { tenant: policy("tenant", limits.tenant), api_key: policy("api-key", limits.api_key) }
    }

    /// Counts a request of a caller whose token was verified. What a service does for the system itself is not limited: it is
    /// work that was accepted before.
    pub fn check(&self, tenant: TenantId, principal: Option<&Principal>) -> Decision {
        let key = match principal {
            Some(Principal::Service { .. }) => return Decision::default(),
            Some(Principal::ApiKey { id, .. }) => self.api_key.as_ref().map(|policy| policy.check(id)),
            Some(Principal::User { .. }) | None => None,
        };
        // What is too much for its key is not counted against the tenant, whose other callers are not to suffer for it.
        let tenant = match &key {
            Some(outcome) if outcome.is_refusal() => None,
            _ => self.tenant.as_ref().map(|policy| policy.check(&tenant.as_uuid())),
        };
        Decision::new([tenant, key])
    }
}

type Limiter<K, C> = governor::RateLimiter<K, HashMapStateStore<K>, C, StateInformationMiddleware>;

struct Policy<K: Hash + Eq + Clone, C: Clock> {
    name: &'static str,
    quota: Quota,
    limiter: Limiter<K, C>,
    /// Since callers were last forgotten.
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone, C: Clock> Policy<K, C> {
    fn new(name: &'static str, quota: Quota, clock: C) -> Self {
        let state = HashMapStateStore::default();
        let limiter = governor::RateLimiter::<_, _, _, NoOpMiddleware<C::Instant>>::new(quota, state, clock);
        let limiter = limiter.with_middleware();
        Self { name, quota, limiter, checks: AtomicU32::new(0) }
    }

    fn check(&self, key: &K) -> Outcome {
        if self.checks.fetch_add(1, Ordering::Relaxed) == FORGET_AFTER {
            self.checks.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key(key) {
            Ok(state) => Outcome::allowed(self.name, self.quota, state.remaining_burst_capacity()),
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                Outcome::refused(self.name, self.quota, wait)
            }
        }
    }
}
