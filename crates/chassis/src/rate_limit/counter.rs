//! Counting the requests of many keys.

use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::Quota;
use governor::clock::Clock;
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::HashMapStateStore;

/// The number of requests after which idle keys are forgotten. It bounds the number of idle keys in memory.
pub(super) const FORGET_AFTER: u32 = 10_000;

type Limiter<K, C> = governor::RateLimiter<K, HashMapStateStore<K>, C, StateInformationMiddleware>;

pub(super) struct Counter<K: Hash + Eq + Clone, C: Clock> {
    quota: Quota,
    limiter: Limiter<K, C>,
    /// The number of requests since keys were last forgotten.
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone, C: Clock> Counter<K, C> {
    pub(super) fn new(quota: Quota, clock: C) -> Self {
        let state = HashMapStateStore::default();
        let limiter = governor::RateLimiter::<_, _, _, NoOpMiddleware<C::Instant>>::new(quota, state, clock);
        Self { quota, limiter: limiter.with_middleware(), checks: AtomicU32::new(0) }
    }

    pub(super) const fn quota(&self) -> Quota {
        self.quota
    }

    /// Counts a request. Returns how many more are allowed at once or, if it is refused, how long to wait.
    pub(super) fn check(&self, key: &K) -> Result<u32, Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) == FORGET_AFTER {
            self.checks.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let state = self.limiter.check_key(key);
        state
            .map(|state| state.remaining_burst_capacity())
            .map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.limiter.len()
    }
}
