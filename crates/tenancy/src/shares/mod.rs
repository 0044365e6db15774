//! [`Shares`], a fair queue: no party holds all the places that others wait for.
//!
//! There is a number of places, such as the connections of a pool. Waiters queue per party, and parties take turns. While others
//! ask, a party holds at most half of the places. What is interactive comes before batches, but for one place in eight.

mod by_urgency;
mod recent;
mod standing;
mod state;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use state::State;

/// A competitor for places, such as a tenant. Everybody without a party counts as one more.
pub trait Party: Copy + Eq + Hash + Debug + Send {}

impl<P: Copy + Eq + Hash + Debug + Send> Party for P {}

/// The order in which waiters are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for the answer.
    Interactive,
    /// It waits longer than what is interactive.
    Batch,
}

/// The reason why no place became free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All places are taken, by others or by the caller's own party.
    All {
        /// The number of places.
        size: usize,
    },
    /// The caller's own party has its share; the other places are for other parties.
    Share {
        /// The number of places that the party holds.
        held: usize,
        /// The number of places.
        size: usize,
    },
}

/// The queue that a caller without a place finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The number of places, free or not.
    pub places: usize,
    /// The number of waiters of the caller's urgency that are served before it, if parties take turns.
    pub ahead: usize,
    /// The number of all waiters.
    pub waiting: usize,
    /// The time for which all places have been taken and somebody has been waiting, but for short breaks.
    pub standing: Duration,
    /// The time for which somebody of the caller's party has been waiting, but for short breaks.
    pub own_standing: Duration,
}

/// The places. Clones share them.
pub struct Shares<P: Party>(Arc<Inner<P>>);

impl<P: Party> Clone for Shares<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<P: Party>(Mutex<State<P>>);

/// The right to a place, or to several. Dropping it frees them.
#[must_use = "the place is free again when this is dropped"]
pub struct Permit<P: Party> {
    /// `None` after an unused permit was taken back.
    shares: Option<Arc<Inner<P>>>,
    party: Option<P>,
    places: usize,
}

/// A caller in the queue. Dropping it leaves the queue.
#[must_use = "the waiter leaves the queue when this is dropped"]
pub struct Waiter<P: Party> {
    shares: Arc<Inner<P>>,
    permit: oneshot::Receiver<Permit<P>>,
    party: Option<P>,
    urgency: Urgency,
    /// True if the permit has come, so that the waiter is not in the queue any more.
    served: bool,
}

/// A caller that got a place or waits for one.
pub enum Entry<P: Party> {
    /// It has a place.
    Now(Permit<P>),
    /// It waits.
    Waits(Waiter<P>),
}

impl<P: Party> Shares<P> {
    /// Creates a number of places, one at least.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self::with_most(size, usize::MAX)
    }

    /// Creates a number of places, of which no party ever holds more than `most`. For places that are held for long: those that one
    /// party took while it was alone would not become free for others.
    #[must_use]
    pub fn with_most(size: usize, most: usize) -> Self {
        Self(Arc::new(Inner(Mutex::new(State::new(size, most)))))
    }

    /// Takes a place or, if there is none for the party, a place in the queue. `may_wait` decides by the queue whether to wait; if
    /// not, the queue is returned.
    pub fn enter(
        &self,
        party: Option<P>,
        urgency: Urgency,
        may_wait: impl FnOnce(Queue) -> bool,
    ) -> Result<Entry<P>, Queue> {
        let mut state = self.0.lock();
        let now = Instant::now();
        if state.take_if_free(party, 1, now) {
            return Ok(Entry::Now(Permit { shares: Some(Arc::clone(&self.0)), party, places: 1 }));
        }
        let queue = state.queue(party, urgency, now);
        if !may_wait(queue) {
            return Err(queue);
        }
        let permit = state.enqueue(party, urgency, now);
        Ok(Entry::Waits(Waiter { shares: Arc::clone(&self.0), permit, party, urgency, served: false }))
    }

    /// Takes so many places at once, or none and returns `None` if they are not free for the party.
    #[must_use = "the places are free again when this is dropped"]
    pub fn take(&self, party: Option<P>, places: usize) -> Option<Permit<P>> {
        let taken = self.0.lock().take_if_free(party, places, Instant::now());
        taken.then(|| Permit { shares: Some(Arc::clone(&self.0)), party, places })
    }

    /// Returns the queue that a caller without a place would find, or `None` if a place is free for it. Nothing is taken, so that others
    /// may come first; that the party asks is noted.
    #[must_use]
    pub fn queue(&self, party: Option<P>, urgency: Urgency) -> Option<Queue> {
        let mut state = self.0.lock();
        let now = Instant::now();
        (!state.is_free(party, 1, now)).then(|| state.queue(party, urgency, now))
    }

    /// Waits for a place, for at most `limit`. A caller that stops waiting loses no place.
    pub async fn acquire(&self, party: Option<P>, limit: Duration) -> Result<Permit<P>, Full> {
        let why_full = || self.0.lock().why_full(party, Instant::now());
        match self.enter(party, Urgency::Interactive, |_| true) {
            Ok(Entry::Now(permit)) => Ok(permit),
            Ok(Entry::Waits(waiter)) => {
                timeout(limit, waiter.turn()).await.ok().flatten().ok_or_else(why_full)
            }
            Err(_) => Err(why_full()),
        }
    }

    /// Changes the number of places, to one at least. Those that are taken stay taken.
    pub fn resize(&self, size: usize) {
        let mut state = self.0.lock();
        state.resize(size);
        state.grant(&self.0, Instant::now());
    }

    /// Returns the use of the places.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.0.lock().occupancy()
    }

    /// Returns the places, as long as somebody else keeps them.
    #[must_use]
    pub fn weak(&self) -> WeakShares<P> {
        WeakShares(Arc::downgrade(&self.0))
    }
}

/// Places that do not exist longer because of this.
pub struct WeakShares<P: Party>(Weak<Inner<P>>);

/// The use of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// The number of places.
    pub size: usize,
    /// The number of places that are taken.
    pub held: usize,
    /// The number of callers that wait.
    pub waiting: usize,
}

impl<P: Party> WeakShares<P> {
    /// Returns the use of the places, or `None` when they are gone.
    #[must_use]
    pub fn occupancy(&self) -> Option<Occupancy> {
        Some(self.0.upgrade()?.lock().occupancy())
    }
}

impl<P: Party> Inner<P> {
    /// Locks the state. No code panics while it holds the lock, and the state would be consistent all the same.
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Party> Waiter<P> {
    /// Waits for the turn. `None` cannot happen: the other end is in the queue, which the waiter keeps.
    pub async fn turn(mut self) -> Option<Permit<P>> {
        let permit = (&mut self.permit).await.ok();
        self.served = permit.is_some();
        permit
    }
}

impl<P: Party> Drop for Waiter<P> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        // Dropping a permit locks the state, so it is done after the lock is released.
        let mut sent = None;
        let mut state = self.shares.lock();
        self.permit.close();
        match self.permit.try_recv() {
            Ok(permit) => sent = Some(permit),
            Err(_) => state.leave(self.party, self.urgency, Instant::now()),
        }
        drop(state);
        drop(sent);
    }
}

impl<P: Party> Permit<P> {
    /// Takes so many places more, or none and returns false if they are not free for the party.
    #[must_use]
    pub fn take_more(&mut self, places: usize) -> bool {
        let Some(shares) = &self.shares else { return false };
        let taken = shares.lock().take_if_free(self.party, places, Instant::now());
        if taken {
            self.places += places;
        }
        taken
    }
}

impl<P: Party> Drop for Permit<P> {
    fn drop(&mut self) {
        let Some(shares) = self.shares.take() else { return };
        let mut state = shares.lock();
        state.put_back(self.party, self.places);
        state.grant(&shares, Instant::now());
    }
}
