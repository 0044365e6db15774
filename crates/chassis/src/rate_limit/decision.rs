//! [`Decision`], the result of counting a request.

use std::fmt::Write;
use std::time::Duration;

use governor::Quota;

use super::metrics;
use super::refusal::Refusal;
use crate::error::{Code, retryable};

/// The header with a caller's limits (draft-ietf-httpapi-ratelimit-headers).
pub const RATE_LIMIT_POLICY: &str = "ratelimit-policy";

/// The header with what is left of them.
pub const RATE_LIMIT: &str = "ratelimit";

const SECOND: Duration = Duration::from_secs(1);

/// The party whose requests a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Tenant,
    User,
    ApiKey,
}

impl Party {
    /// Returns the name of the limit in the headers.
    pub(super) const fn policy(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::ApiKey => "api-key",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Tenant => "the tenant",
            Self::User => "one person",
            Self::ApiKey => "the API key",
        }
    }
}

/// The limits that a request was counted against, and whether it is refused.
#[derive(Clone, Debug, Default)]
#[must_use = "a refusal has to be answered with"]
pub struct Decision([Option<LimitOutcome>; 2]);

impl Decision {
    pub(super) const fn new(outcomes: [Option<LimitOutcome>; 2]) -> Self {
        Self(outcomes)
    }

    fn outcomes(&self) -> impl Iterator<Item = &LimitOutcome> {
        self.0.iter().flatten()
    }

    /// Returns the refusal, if the request exceeds a limit.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let LimitOutcome { party, quota, wait, .. } = self.outcomes().find(|outcome| outcome.is_refusal())?;
        metrics::refused(party.policy());
        let (whose, interval) = (party.noun(), quota.replenish_interval());
        let rate = if interval > SECOND {
            format!("a request every {} seconds", interval.as_secs_f32())
        } else {
            format!("{} requests a second", SECOND.as_nanos() / interval.as_nanos().max(1))
        };
        let detail = format!("{whose} may send {rate}: wait, and send fewer at once");
        Some(Refusal(retryable(Code::RATE_LIMITED, detail, (*wait)?)))
    }

    /// Returns the value of [`RATE_LIMIT_POLICY`], such as `"tenant";q=500;w=5`: the burst, and the seconds in which
    /// it is available again. `None` without limits.
    #[must_use]
    pub fn policy_header(&self) -> Option<String> {
        self.list(|item, LimitOutcome { quota, .. }| {
            let window = whole_seconds(quota.burst_size_replenished_in());
            write!(item, ";q={};w={window}", quota.burst_size())
        })
    }

    /// Returns the value of [`RATE_LIMIT`], such as `"tenant";r=498;t=1`: the requests that are left at once, and the
    /// seconds after which there are more: the whole burst or, if none is left, the next request.
    #[must_use]
    pub fn limit_header(&self) -> Option<String> {
        self.list(|item, LimitOutcome { quota, remaining, wait, .. }| {
            let used = quota.burst_size().get().saturating_sub(*remaining);
            let reset = wait.unwrap_or(quota.replenish_interval() * used);
            write!(item, ";r={remaining};t={}", whole_seconds(reset))
        })
    }

    /// Formats a list of structured fields (RFC 9651), one for each limit.
    fn list(&self, parameters: impl Fn(&mut String, &LimitOutcome) -> std::fmt::Result) -> Option<String> {
        let mut list = String::new();
        for outcome in self.outcomes() {
            let separator = if list.is_empty() { "" } else { ", " };
            write!(list, "{separator}\"{}\"", outcome.party.policy())
                .and_then(|()| parameters(&mut list, outcome))
                .ok()?;
        }
        (!list.is_empty()).then_some(list)
    }
}

/// The result of one limit.
#[derive(Clone, Debug)]
pub(super) struct LimitOutcome {
    party: Party,
    quota: Quota,
    remaining: u32,
    /// The time until the next request is allowed, or `None` if this one was.
    wait: Option<Duration>,
}

impl LimitOutcome {
    pub(super) fn new(party: Party, quota: Quota, counted: Result<u32, Duration>) -> Self {
        Self { party, quota, remaining: counted.unwrap_or(0), wait: counted.err() }
    }

    pub(super) const fn is_refusal(&self) -> bool {
        self.wait.is_some()
    }
}

/// Rounds up, so that the value is never too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
