//! [`NetworkLimiter`], a limit on requests of strangers.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use governor::clock::{Clock, DefaultClock};

use super::counter::Counter;
use super::metrics;
use crate::network::Network;

/// The factor by which a /48 of IPv6 is allowed more than each of its /64 networks.
const WIDER: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// Counts the requests of each network, and of the wider one around it. Clients with an unknown network are counted
/// together.
pub struct NetworkLimiter<C: Clock = DefaultClock> {
    networks: Counter<Option<Network>, C>,
    wider: Counter<Network, C>,
}

impl NetworkLimiter {
    /// Creates a limiter with a rate and a burst for each network.
    #[must_use]
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::with_clock(per_second, burst, &DefaultClock::default())
    }
}

impl<C: Clock> fmt::Debug for NetworkLimiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkLimiter").finish_non_exhaustive()
    }
}

impl<C: Clock + Clone> NetworkLimiter<C> {
    pub(super) fn with_clock(per_second: NonZeroU32, burst: NonZeroU32, clock: &C) -> Self {
        let quota = |times: NonZeroU32| {
            Quota::per_second(per_second.saturating_mul(times)).allow_burst(burst.saturating_mul(times))
        };
        Self {
            networks: Counter::new(quota(NonZeroU32::MIN), clock.clone()),
            wider: Counter::new(quota(WIDER), clock.clone()),
        }
    }

    /// Counts a request. Returns how long to wait if it is refused.
    pub fn check(&self, network: Option<Network>) -> Result<(), Duration> {
        let own = self.networks.check(&network).map(drop);
        // Requests over a network's own limit do not count against its neighbours.
        let wider =
            || network.and_then(Network::wider).map_or(Ok(()), |wider| self.wider.check(&wider).map(drop));
        own.and_then(|()| wider()).inspect_err(|_| metrics::refused("network"))
    }
}
