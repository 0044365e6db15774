//! Admission control: a bounded number of calls at once, and a short queue in front.
//!
//! A program that takes every call under too much load answers all of them late, and none in the end. So a call that would wait for
//! long is refused at once, with `OVERLOADED`, and the others take little longer than usual. Tenants take turns, and while others
//! ask, none of them has more than half of the places. Strangers have places of their own, so that a flood of logins takes none of the
//! tenants'; their networks take turns. What is interactive comes before batches.
//!
//! The queue may be long for a moment, since requests come in bursts, but not for longer: a queue that stands only adds to the
//! duration of every call (the observation behind `CoDel`, RFC 8289).

mod applicant;
mod limit;
mod memory;
mod metrics;
mod step_aside;
mod streams;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::shares::{Entry, Permit, Queue, Shares};
use tokio::time::timeout;
use tonic::Status;

pub use applicant::{Applicant, PRIORITY, Party, urgency};
pub use memory::{Arriving, Memory, NoRoom, Room};
pub use rowhouse_tenancy::shares::{Occupancy, Urgency};
pub use step_aside::{step_aside, while_admitted};
pub(crate) use streams::STREAMS;
pub use streams::StreamPermit;

use crate::error::{Code, retryable};
use crate::grpc::{Deadline, exceeded};
use crate::network::Network;
use limit::Limit;

/// The time for which a queue may stand before it is taken for overload, as the interval of `CoDel`.
const BURST: Duration = Duration::from_millis(100);
/// The number of waiters for each place in a burst.
const BURST_WAITERS: usize = 4;
/// The number of waiters that each party may have in any queue. All together may be twice as many.
const FEWEST_WAITERS: usize = 4;
/// The number of strangers' places for each of the tenants'.
const STRANGERS: usize = 8;
/// The most seconds after which callers that were refused come back. Each number of seconds has its turn, so that they do not come back
/// together.
const LONGEST_RETRY: u64 = 3;

/// The detail of a refusal.
pub const TOO_MUCH: &str = "there is more to do than can be done in time: try again later";

/// The places for the calls of one service, at the service itself or at its client. Clones share them.
#[derive(Clone)]
pub struct Admission(Arc<Inner>);

struct Inner {
    side: Side,
    tenants: Shares<TenantId>,
    strangers: Shares<Network>,
    streams: Shares<Party>,
    watches: Shares<Party>,
    /// The memory for messages that have not been read.
    memory: Memory,
    /// The number of the tenants' places, if it changes.
    limit: Option<Mutex<Limit>>,
    calls: metrics::Calls,
}

/// The end of the connection at which the places are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    /// Returns the number of waiters, all together, in a queue that stands: enough that a place that becomes free is taken at once,
    /// since more would only make each other wait. Those of one party are half as many. A server has more, so that its
    /// clients' queues are full first.
    const fn standing_waiters(self, places: usize) -> usize {
        match self {
            Self::Server => places / 2,
            Self::Client => places / 4,
        }
    }
}

/// The right to run a call, until it is dropped.
#[must_use = "others may run a call when this is dropped"]
pub struct CallPermit {
    admission: Admission,
    place: PlacePermit,
    waited: bool,
}

enum PlacePermit {
    OfTenant(#[expect(dead_code, reason = "it is dropped")] Permit<TenantId>),
    OfStranger(#[expect(dead_code, reason = "it is dropped")] Permit<Network>),
}

/// The end of a call to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The service answered.
    Answered,
    /// The service refused the call for its load.
    Overloaded,
    /// There was no answer, which says nothing about the load.
    Failed,
}

impl Admission {
    /// Creates places for the tenants' calls to this process, and many more for strangers', of whom the limits on attempts and the queue
    /// for hashing do not let many through.
    #[must_use]
    pub fn at_server(service: ServiceName, places: NonZeroUsize) -> Self {
        Self::new(service, Side::Server, places, None)
    }

    /// Creates places for the tenants' calls from this process to a service, and many more for strangers'. The tenants' are fewer as
    /// long as the service refuses calls for its load.
    #[must_use]
    pub fn at_client(service: ServiceName, places: NonZeroUsize) -> Self {
        Self::new(service, Side::Client, places, Some(Limit::new(places)))
    }

    fn new(service: ServiceName, side: Side, places: NonZeroUsize, limit: Option<Limit>) -> Self {
        let tenants = Shares::new(places.get());
        let strangers = Shares::new(places.get().saturating_mul(STRANGERS));
        metrics::observe(service, side.as_str(), "tenant", &tenants);
        metrics::observe(service, side.as_str(), "stranger", &strangers);
        let calls = metrics::Calls::expect(service, side.as_str());
        let (streams, watches) = (streams::places(), streams::watches());
        let (memory, limit) = (Memory::new(), limit.map(Mutex::new));
        Self(Arc::new(Inner { side, tenants, strangers, streams, watches, memory, limit, calls }))
    }

    /// Takes a place for a call, now or after a short wait. Fails with `OVERLOADED`, at once, if too many wait, and with
    /// `DEADLINE_EXCEEDED` at the deadline.
    pub async fn enter(
        &self,
        applicant: Applicant,
        deadline: Option<Deadline>,
    ) -> Result<CallPermit, Status> {
        let Applicant { party, urgency } = applicant;
        let Inner { side, tenants, strangers, .. } = &*self.0;
        let may_wait = |queue| may_wait(*side, queue);
        let entered = match party {
            Party::Tenant(tenant) => {
                let entered = wait(tenants, Some(tenant), urgency, may_wait, deadline).await;
                entered.map(|(permit, waited)| (PlacePermit::OfTenant(permit), waited))
            }
            Party::Stranger(network) => {
                let entered = wait(strangers, network, urgency, may_wait, deadline).await;
                entered.map(|(permit, waited)| (PlacePermit::OfStranger(permit), waited))
            }
        };
        match entered {
            Ok((place, waited)) => {
                self.0.calls.admitted(applicant);
                Ok(CallPermit { admission: self.clone(), place, waited })
            }
            Err(NoPlace::Late) => Err(exceeded()),
            Err(NoPlace::Full) => Err(self.overloaded(applicant)),
        }
    }

    /// Returns the time after which a caller may come back whose call would be refused now. A call that would not be takes no place here,
    /// and may be refused when it [enters](Admission::enter).
    #[must_use]
    pub fn refusal(&self, applicant: Applicant) -> Option<Duration> {
        let Applicant { party, urgency } = applicant;
        let Inner { side, tenants, strangers, .. } = &*self.0;
        let queue = match party {
            Party::Tenant(tenant) => tenants.queue(Some(tenant), urgency),
            Party::Stranger(network) => strangers.queue(network, urgency),
        };
        queue.filter(|queue| !may_wait(*side, *queue)).map(|_| self.refuse(applicant))
    }

    /// Returns the use of the tenants' places.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.0.tenants.occupancy()
    }

    /// Begins the message of a call, which has to be there before the call [enters](Admission::enter).
    pub fn arriving(&self, applicant: Applicant) -> Arriving {
        self.0.memory.arriving(applicant.party)
    }

    /// Counts a refusal, and returns it.
    #[must_use]
    pub fn overloaded(&self, applicant: Applicant) -> Status {
        retryable(Code::OVERLOADED, TOO_MUCH, self.refuse(applicant))
    }

    /// Counts a refusal, and returns the time after which the caller may come back.
    fn refuse(&self, applicant: Applicant) -> Duration {
        Duration::from_secs(1 + self.0.calls.refused(applicant) % LONGEST_RETRY)
    }
}

/// The reason why a call got no place.
enum NoPlace {
    Full,
    Late,
}

/// Takes a place, and says whether it had to be waited for.
async fn wait<P: rowhouse_tenancy::shares::Party>(
    shares: &Shares<P>,
    party: Option<P>,
    urgency: Urgency,
    may_wait: impl FnOnce(Queue) -> bool,
    deadline: Option<Deadline>,
) -> Result<(Permit<P>, bool), NoPlace> {
    match shares.enter(party, urgency, may_wait) {
        Ok(Entry::Now(permit)) => Ok((permit, false)),
        Ok(Entry::Waits(waiter)) => {
            let permit = match deadline {
                Some(deadline) => timeout(deadline.remaining(), waiter.turn()).await.ok(),
                None => Some(waiter.turn().await),
            };
            permit.flatten().map(|permit| (permit, true)).ok_or(NoPlace::Late)
        }
        Err(_) => Err(NoPlace::Full),
    }
}

/// Returns whether a call waits, or is refused.
fn may_wait(side: Side, queue: Queue) -> bool {
    let in_a_burst = queue.places.saturating_mul(BURST_WAITERS);
    let standing = side.standing_waiters(queue.places);
    let own = if queue.own_standing < BURST { in_a_burst } else { (standing / 2).max(FEWEST_WAITERS) };
    let all = if queue.standing < BURST { in_a_burst } else { standing.max(2 * FEWEST_WAITERS) };
    queue.ahead < own && queue.waiting < all
}

impl CallPermit {
    /// Returns whether the call waited for it.
    #[must_use]
    pub const fn waited(&self) -> bool {
        self.waited
    }

    /// Ends the call, and learns from its outcome how many the service takes.
    pub fn ended(self, outcome: CallOutcome) {
        let Inner { tenants, limit, .. } = &*self.admission.0;
        let (Some(limit), PlacePermit::OfTenant(_)) = (limit, &self.place) else { return };
        // The lock is held until the places are changed, so that an older number does not replace a newer one.
        let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let changed = match outcome {
            // Before the place is free, since the number of those that are taken counts.
            CallOutcome::Answered => limit.answered(tenants.occupancy().held, now),
            CallOutcome::Overloaded => limit.overloaded(now),
            CallOutcome::Failed => None,
        };
        if let Some(places) = changed {
            tenants.resize(places);
        }
    }
}
