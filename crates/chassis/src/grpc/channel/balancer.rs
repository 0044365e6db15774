//! [`Balancer`], which chooses an instance for each call.
//!
//! tonic's own balancer is not used: it counts an instance that cannot be connected as ready, so that calls fail on it while another
//! one is well, and takes all instances for equally busy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as Clock};

use tokio::sync::watch;
use tower::retry::budget::{Budget, TpsBudget};

use super::instance::{Instance, Place};
use super::resolver::{self, Instances, Resolve};
use super::target::Target;

/// The share of calls that may be repeated, beside [`RETRIES_PER_SECOND`]: a service that fails for everybody must not get a
/// multiple of its load.
const RETRY_SHARE: f32 = 0.2;
/// The retries that are always allowed.
const RETRIES_PER_SECOND: u32 = 10;
/// The time for which a call counts.
const RETRY_WINDOW: Duration = Duration::from_secs(10);

/// The instances of a service, and the budget for retries.
pub(super) struct Balancer {
    targets: Vec<Target>,
    resolve: Resolve,
    /// They are followed from the first call on: a program that only checks its configuration looks nothing up.
    instances: OnceLock<watch::Receiver<Instances>>,
    next: AtomicUsize,
    began: Clock,
    budget: Arc<TpsBudget>,
}

impl Balancer {
    pub(super) fn new(targets: Vec<Target>, resolve: Resolve) -> Self {
        let budget = TpsBudget::new(RETRY_WINDOW, RETRIES_PER_SECOND, RETRY_SHARE);
        Self::within(Arc::new(budget), targets, resolve)
    }

    fn within(budget: Arc<TpsBudget>, targets: Vec<Target>, resolve: Resolve) -> Self {
        Self {
            targets,
            resolve,
            instances: OnceLock::new(),
            next: AtomicUsize::new(0),
            began: Clock::now(),
            budget,
        }
    }

    /// Creates a balancer for the same service, with connections of its own and the same budget for retries.
    pub(super) fn anew(&self) -> Self {
        Self::within(Arc::clone(&self.budget), self.targets.clone(), Arc::clone(&self.resolve))
    }

    /// Needs a tokio runtime.
    fn instances(&self) -> &watch::Receiver<Instances> {
        self.instances.get_or_init(|| resolver::follow(self.targets.clone(), Arc::clone(&self.resolve)))
    }

    /// Waits for the first look-up of the service's name.
    pub(super) async fn resolved(&self) {
        if self.instances().borrow().is_none() {
            // An error means that nobody looks up any more, which happens with the end of the runtime only.
            drop(self.instances().clone().wait_for(Option::is_some).await);
        }
    }

    /// Returns a place at the instance with the fewest calls, in turns where several have as few, and none of those to be
    /// avoided. Instances that failed lately are taken only if there is no other, or by a single call that tries them again.
    pub(super) fn place(&self, avoided: &[Arc<Instance>]) -> Option<Place> {
        let instances = self.instances().borrow();
        let instances: &[Arc<Instance>] = instances.as_deref().unwrap_or_default();
        let first = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(instances.len())?;
        let (before, after) = instances.split_at_checked(first)?;
        let is_avoided = |one: &Arc<Instance>| avoided.iter().any(|other| Arc::ptr_eq(one, other));
        let mut others = after.iter().chain(before).filter(|one| !is_avoided(one));
        let now = self.now();
        let due = others.clone().find(|one| one.is_due(now));
        let well = || others.clone().filter(|one| one.is_well()).min_by_key(|one| one.running());
        let chosen = due.or_else(well).or_else(|| others.next());
        chosen.map(Place::at)
    }

    /// Counts a call, which allows a part of a retry.
    pub(super) fn count_call(&self) {
        self.budget.deposit();
    }

    /// Returns whether a retry is within the budget, and counts it.
    pub(super) fn may_retry(&self) -> bool {
        self.budget.withdraw()
    }

    /// Returns the milliseconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
