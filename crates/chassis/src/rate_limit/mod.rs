//! Rate limits per tenant, per person and API key in it, and, for strangers, per network.
//!
//! A limit is a rate and a burst, as in a token bucket (GCRA): an idle caller may send the burst at once, and after
//! that as many requests per second as the rate allows. Each instance of a program counts for itself, in memory. Idle
//! callers are forgotten, so the memory is bounded by the number of requests.

mod counter;
mod decision;
mod metrics;
mod network;
mod refusal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use governor::Quota;
use governor::clock::{Clock, DefaultClock};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Principal;
use uuid::Uuid;

use counter::Counter;
pub use decision::{Decision, RATE_LIMIT, RATE_LIMIT_POLICY};
use decision::{LimitOutcome, Party};
pub use network::NetworkLimiter;
pub use refusal::Refusal;

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// A rate and a burst, or no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit(Option<Quota>);

/// The error of parsing a text that is not a rate limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write requests a second and the burst, such as 100:500; or 0 for no limit")]
pub struct InvalidRateLimit;

impl RateLimit {
    /// No limit.
    pub const OFF: Self = Self(None);

    /// Creates a limit of `per_second` requests per second and a `burst`.
    #[must_use]
    pub const fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(Some(Quota::per_second(per_second).allow_burst(burst)))
    }

    /// Returns twice the rate and the burst.
    #[must_use]
    fn twice(self) -> Self {
        let doubled = |quota: Quota| {
            let burst = quota.burst_size().saturating_mul(TWO);
            Some(Quota::with_period(quota.replenish_interval() / 2)?.allow_burst(burst))
        };
        Self(self.0.and_then(doubled))
    }

    /// Returns half of the rate and the burst, at least one request.
    #[must_use]
    pub fn half(self) -> Self {
        let halved = |quota: Quota| {
            let burst = NonZeroU32::new(quota.burst_size().get() / 2).unwrap_or(NonZeroU32::MIN);
            Some(Quota::with_period(quota.replenish_interval() * 2)?.allow_burst(burst))
        };
        Self(self.0.and_then(halved))
    }
}

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    /// Parses `100:500`. The burst is that of one second by default; `0` means no limit.
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
    /// The limit of all callers of a tenant together.
    pub tenant: RateLimit,
    /// The limit of one person in a tenant.
    pub user: RateLimit,
    /// The limit of one API key.
    pub api_key: RateLimit,
}

impl RateLimits {
    /// Returns twice each limit.
    #[must_use]
    pub fn twice(self) -> Self {
        let Self { tenant, user, api_key } = self;
        Self { tenant: tenant.twice(), user: user.twice(), api_key: api_key.twice() }
    }
}

/// Counts requests and decides which are refused.
pub struct RateLimiter<C: Clock = DefaultClock> {
    tenant: Option<Policy<C>>,
    user: Option<Policy<C>>,
    api_key: Option<Policy<C>>,
}

impl RateLimiter {
    /// Creates a limiter without counts.
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
        Self {
            tenant: Policy::new(Party::Tenant, limits.tenant, clock),
            user: Policy::new(Party::User, limits.user, clock),
            api_key: Policy::new(Party::ApiKey, limits.api_key, clock),
        }
    }

    /// Counts a request of a caller whose token was verified. Services' own calls are not limited: they do work that
    /// was accepted before. Callers that follow a set-up with a status token, which identifies nobody, count as one
    /// more person.
    pub fn check(&self, tenant: TenantId, principal: Option<&Principal>) -> Decision {
        let (policy, caller) = match principal {
            Some(Principal::Service { .. }) => return Decision::default(),
            Some(Principal::ApiKey { id, .. }) => (&self.api_key, Some(*id)),
            Some(Principal::User { id, .. }) => (&self.user, Some(*id)),
            None => (&self.user, None),
        };
        let check = |policy: &Option<Policy<C>>, caller| Some(policy.as_ref()?.check((tenant, caller)));
        let caller = check(policy, caller);
        // Requests over the caller's own limit do not count against the tenant, so its other callers are not
        // affected.
        let refused = caller.as_ref().is_some_and(LimitOutcome::is_refusal);
        let tenant = if refused { None } else { check(&self.tenant, None) };
        Decision::new([tenant, caller])
    }
}

/// A tenant and its caller.
type Caller = (TenantId, Option<Uuid>);

struct Policy<C: Clock> {
    party: Party,
    counter: Counter<Caller, C>,
}

impl<C: Clock + Clone> Policy<C> {
    fn new(party: Party, limit: RateLimit, clock: &C) -> Option<Self> {
        let counter = Counter::new(limit.0?, clock.clone());
        metrics::expect_refusals(party.policy());
        Some(Self { party, counter })
    }

    fn check(&self, caller: Caller) -> LimitOutcome {
        LimitOutcome::new(self.party, self.counter.quota(), self.counter.check(&caller))
    }
}
