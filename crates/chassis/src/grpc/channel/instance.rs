//! [`Instance`], one process of a service.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tonic::transport::Channel;

/// The time for which an instance is avoided after its first failure. It doubles with each further one.
const REST: Duration = Duration::from_millis(100);
/// The number of times that it doubles, which makes 3.2 seconds.
const DOUBLINGS: u32 = 5;

/// An instance of a service, with a connection to it.
pub(super) struct Instance {
    pub(super) address: SocketAddr,
    channel: Channel,
    /// The number of calls that wait for an answer.
    running: AtomicUsize,
    /// The number of failures since the last success, concurrent ones counted once.
    failures: AtomicU32,
    /// The time, in milliseconds since the balancer's beginning, until which the instance is avoided.
    rests_until: AtomicU64,
}

impl Instance {
    pub(super) const fn new(address: SocketAddr, channel: Channel) -> Self {
        Self {
            address,
            channel,
            running: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    pub(super) fn is_well(&self) -> bool {
        self.failures.load(Ordering::Relaxed) == 0
    }

    /// Returns whether an instance that failed is to be tried again, by this call and by no other until that has an outcome.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let failures = self.failures.load(Ordering::Relaxed);
        let until = self.rests_until.load(Ordering::Relaxed);
        let again = now.saturating_add(rest(failures));
        let due = failures > 0
            && until <= now
            && self.rests_until.compare_exchange(until, again, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if due {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        due
    }

    pub(super) fn succeeded(&self) {
        // Read first: a write would take the cache line from the other threads at each call.
        if !self.is_well() {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failure, unless the instance is avoided already: calls that were under way fail together.
    pub(super) fn failed(&self, now: u64) {
        if self.failures.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.rests_until.store(now.saturating_add(rest(0)), Ordering::Relaxed);
        }
    }
}

/// Returns the milliseconds for which an instance is avoided that failed so many times before.
fn rest(failures: u32) -> u64 {
    u64::try_from((REST * 2_u32.pow(failures.min(DOUBLINGS))).as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// A call's place at an instance.
pub(super) struct Place(Arc<Instance>);

impl Place {
    pub(super) fn at(instance: &Arc<Instance>) -> Self {
        instance.running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(instance))
    }

    pub(super) const fn instance(&self) -> &Arc<Instance> {
        &self.0
    }

    pub(super) fn channel(&self) -> Channel {
        self.0.channel.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
