//! Admission control: a bounded number of calls at once, and a short queue in front.
//!
//! A program that takes every call under too much load answers all of them late, and none in the end. So a call that would wait for
//! long is refused at once, with `OVERLOADED`, and the others are as quick as usual. Tenants take turns, and strangers do by their
//! network; while others ask, none of them has more than half of the places. What is interactive comes before batches.
//!
//! The queue may be long for a moment, since requests come in bursts, but not for longer: a queue that stands only adds to the
//! duration of every call (CoDel, RFC 8289).

mod asker;
mod limit;
mod metrics;
mod step_aside;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::shares::{Ahead, Entered, Permit, Shares};
use tokio::time::timeout;
use tonic::Status;

pub use asker::{Asker, PRIORITY, Party, urgency};
pub use rowhouse_tenancy::shares::{Occupancy, Urgency};
pub use step_aside::{step_aside, while_admitted};

use crate::error::{Code, retryable};
use crate::grpc::Deadline;
use limit::Limit;

/// The time for which a queue may stand before it is taken for overload, as CoDel's interval.
const BURST: Duration = Duration::from_millis(100);
/// The number of waiters for each place in a burst.
const BURST_WAITERS: usize = 4;
/// The number of places for each waiter in a queue that stands. A call then takes half as long again as without a queue.
const PLACES_PER_WAITER: usize = 2;
/// The number of waiters that a queue has room for all the same.
const FEWEST_WAITERS: usize = 4;
/// The times after which callers that were refused come back, in turns, so that they do not come back together.
const RETRY_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// The places for the calls of one service, at the service itself or at its client. Clones share them.
#[derive(Clone)]
pub struct Admission(Arc<Inner>);

struct Inner {
    service: ServiceName,
    shares: Shares<Party>,
    limit: Mutex<Limit>,
    refused: metrics::Refused,
}

/// The right to run a call, until it is dropped.
#[must_use = "the call's place is free again when this is dropped"]
pub struct Place {
    admission: Admission,
    permit: Option<Permit<Party>>,
    /// True if the call waited for it.
    pub waited: bool,
}

impl Admission {
    /// Creates a fixed number of places for the calls to this process.
    #[must_use]
    pub fn at_server(service: ServiceName, places: NonZeroUsize) -> Self {
        Self::new(service, places, "server")
    }

    /// Creates places for the calls from this process to a service: at most so many, and fewer while the service itself refuses
    /// calls as overloaded.
    #[must_use]
    pub fn at_client(service: ServiceName, most: NonZeroUsize) -> Self {
        Self::new(service, most, "client")
    }

    fn new(service: ServiceName, most: NonZeroUsize, side: &'static str) -> Self {
        let limit = Limit::new(most);
        let shares = Shares::new(limit.places());
        metrics::observe(service, side, &shares);
        let refused = metrics::Refused::expect(service, side);
        Self(Arc::new(Inner { service, shares, limit: Mutex::new(limit), refused }))
    }

    /// Takes a place for a call, now or after a short wait. Fails with `OVERLOADED`, at once, if too many wait, and with
    /// `DEADLINE_EXCEEDED` at the deadline.
    pub async fn enter(&self, asker: Asker, deadline: Option<Deadline>) -> Result<Place, Status> {
        let Asker { party, urgency } = asker;
        let entered = self.0.shares.enter(party, urgency, |ahead| may_wait(ahead, urgency));
        let (permit, waited) = match entered {
            Ok(Entered::Now(permit)) => (permit, false),
            Ok(Entered::Waits(turn)) => {
                let came = match deadline {
                    Some(deadline) => timeout(deadline.remaining(), turn.come()).await.ok(),
                    None => Some(turn.come().await),
                };
                (came.flatten().ok_or_else(crate::grpc::exceeded)?, true)
            }
            Err(_) => return Err(self.refuse(urgency)),
        };
        Ok(Place { admission: self.clone(), permit: Some(permit), waited })
    }

    /// Returns the numbers of calls that run and wait.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.0.shares.occupancy()
    }

    fn refuse(&self, urgency: Urgency) -> Status {
        let number = self.0.refused.count(self.0.service, urgency);
        let turn = usize::try_from(number).unwrap_or(usize::MAX) % RETRY_AFTER.len();
        let after = RETRY_AFTER.get(turn).copied().unwrap_or(crate::error::RETRY_AFTER);
        retryable(Code::OVERLOADED, "there is more to do than can be done in time: try again later", after)
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.0.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the number of places if `change` says so.
    fn adapt(&self, change: impl FnOnce(&mut Limit, Instant) -> Option<usize>) {
        // The lock is held until the places are changed, so that an older number does not replace a newer one.
        let mut limit = self.limit();
        if let Some(places) = change(&mut limit, Instant::now()) {
            self.0.shares.resize(places);
        }
    }
}

/// Returns whether a call waits, or is refused.
fn may_wait(ahead: Ahead, urgency: Urgency) -> bool {
    let most = if ahead.standing < BURST {
        ahead.places.saturating_mul(BURST_WAITERS)
    } else if urgency == Urgency::Batch && ahead.interactive {
        0
    } else {
        (ahead.places / PLACES_PER_WAITER).max(FEWEST_WAITERS)
    };
    ahead.waiters < most
}

impl Place {
    /// Ends the call with the service's answer: `overloaded` if the service itself refused it for its load.
    pub fn ended(mut self, overloaded: bool) {
        // Before the place is free, since the number of those that are taken counts.
        let held = self.admission.0.shares.held();
        self.admission.adapt(
            |limit, now| {
                if overloaded { limit.overloaded(held, now) } else { limit.succeeded(held) }
            },
        );
        self.permit = None;
    }
}
