//! A fair queue before the pool: no tenant takes the connections that others wait for.
//!
//! There are as many permits as connections, and a connection is taken with a permit in hand. Waiters queue per tenant,
//! and tenants take turns. What is in no tenant, such as looking for a login's identity or for the next job, counts as one
//! more tenant.

use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bb8::PooledConnection;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::manager::{Held, Manager};
use crate::TenantId;

#[cfg(test)]
mod tests;

/// A tenant, or none, as one that competes for connections.
pub(super) type Party = Option<TenantId>;

/// How long a tenant that has asked for a connection keeps the others at their share. Between two requests of a client
/// lie milliseconds: without this memory a busy tenant would take the whole pool in each of these gaps.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Why no permit became free in time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    /// Others, or the caller's own party, have the whole pool.
    #[error("all {size} connections of the pool are in use, and none became free in time")]
    Pool {
        /// Connections of the pool.
        size: usize,
    },
    /// The caller's own party has as many as it may have; what is left is for others.
    #[error(
        "{whose} has {held} of the {size} connections of the pool in use, which is its share at the moment, and none of them \
         became free in time"
    )]
    Share {
        /// The party, as the subject of the sentence.
        whose: &'static str,
        /// How many it has.
        held: usize,
        /// Connections of the pool.
        size: usize,
    },
}

/// A connection of the pool, and the permit that it was taken with.
pub(super) struct Shared {
    // Dropped in this order: whoever gets the permit finds the connection in the pool.
    conn: PooledConnection<'static, Manager>,
    _permit: Permit,
}

impl Shared {
    pub(super) const fn new(conn: PooledConnection<'static, Manager>, permit: Permit) -> Self {
        Self { conn, _permit: permit }
    }
}

impl Deref for Shared {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.conn
    }
}

impl DerefMut for Shared {
    fn deref_mut(&mut self) -> &mut Held {
        &mut self.conn
    }
}

/// The permits of one pool. Cloning shares them.
#[derive(Clone)]
pub(super) struct Shares(Arc<Inner>);

struct Inner {
    limits: Limits,
    state: Mutex<State>,
}

/// How many permits one party holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// All connections.
    size: usize,
    /// When others were there lately, or wait: half of the pool.
    contended: usize,
    /// When nobody else was: all but one, so that the next tenant waits for nobody. Of two, both.
    alone: usize,
}

impl Limits {
    fn of(size: usize) -> Self {
        Self { size, contended: size.div_ceil(2), alone: if size > 2 { size - 1 } else { size } }
    }
}

/// The right to take one connection; released when dropped.
pub(super) struct Permit {
    /// None once it has been taken back without having been used.
    shares: Option<Arc<Inner>>,
    party: Party,
}

impl Shares {
    pub(super) fn new(size: usize) -> Self {
        let size = size.max(1);
        let state =
            State { free: size, parties: HashMap::new(), turns: VecDeque::new(), recent: Recent::default() };
        Self(Arc::new(Inner { limits: Limits::of(size), state: Mutex::new(state) }))
    }

    /// Waits for a permit, no longer than `limit`. A caller that gives up waiting leaves nothing behind.
    pub(super) async fn acquire(&self, party: Party, limit: Duration) -> Result<Permit, Full> {
        let waiter = {
            let mut state = self.0.lock();
            let now = Instant::now();
            state.recent.note(party, now);
            if state.free > 0 && state.held(party) < state.limit(self.0.limits, party, now) {
                state.take(party);
                return Ok(Permit { shares: Some(Arc::clone(&self.0)), party });
            }
            state.enqueue(party)
        };
        // The sender is dropped with the shares alone, of which `self` is one.
        let granted = timeout(limit, waiter).await.ok().and_then(Result::ok);
        granted.ok_or_else(|| self.0.why_full(party))
    }
}

impl Inner {
    /// Nothing in here panics while it holds the lock, and what it guards would be whole all the same.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a party waits for: for itself, or for whoever has the pool.
    fn why_full(&self, party: Party) -> Full {
        let (state, size) = (self.lock(), self.limits.size);
        let held = state.held(party);
        if held < size && held >= state.limit(self.limits, party, Instant::now()) {
            let whose = if party.is_some() { "the tenant" } else { "work that is in no tenant" };
            Full::Share { whose, held, size }
        } else {
            Full::Pool { size }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shares) = self.shares.take() else { return };
        let mut state = shares.lock();
        state.put_back(self.party);
        state.grant(&shares, Instant::now());
    }
}

struct State {
    free: usize,
    /// Those that hold permits or wait.
    parties: HashMap<Party, Account>,
    /// Those that wait, each once, in the order of their turns.
    turns: VecDeque<Party>,
    recent: Recent,
}

#[derive(Default)]
struct Account {
    held: usize,
    waiters: VecDeque<oneshot::Sender<Permit>>,
}

impl State {
    fn held(&self, party: Party) -> usize {
        self.parties.get(&party).map_or(0, |account| account.held)
    }

    fn limit(&self, limits: Limits, party: Party, now: Instant) -> usize {
        let contended =
            self.recent.anybody_but(party, now) || self.turns.iter().any(|waiting| *waiting != party);
        if contended { limits.contended } else { limits.alone }
    }

    fn take(&mut self, party: Party) {
        self.free -= 1;
        self.parties.entry(party).or_default().held += 1;
    }

    fn put_back(&mut self, party: Party) {
        self.free += 1;
        if let Some(account) = self.parties.get_mut(&party) {
            account.held -= 1;
            if account.held == 0 && account.waiters.is_empty() {
                self.parties.remove(&party);
            }
        }
    }

    fn enqueue(&mut self, party: Party) -> oneshot::Receiver<Permit> {
        let (permit, waiter) = oneshot::channel();
        let account = self.parties.entry(party).or_default();
        if account.waiters.is_empty() {
            self.turns.push_back(party);
        }
        // Those who have given up are at the front: they have waited longest.
        while account.waiters.front().is_some_and(oneshot::Sender::is_closed) {
            account.waiters.pop_front();
        }
        account.waiters.push_back(permit);
        waiter
    }

    /// Hands free permits to those who wait, a permit a turn. A party at its limit keeps its place among those that are.
    fn grant(&mut self, shares: &Arc<Inner>, now: Instant) {
        let mut passed_over = 0;
        while self.free > 0 && passed_over < self.turns.len() {
            let Some(party) = self.turns.pop_front() else { break };
            if self.held(party) >= self.limit(shares.limits, party, now) {
                self.turns.push_back(party);
                passed_over += 1;
                continue;
            }
            let granted = loop {
                let Some(waiter) =
                    self.parties.get_mut(&party).and_then(|account| account.waiters.pop_front())
                else {
                    break false;
                };
                let permit = Permit { shares: Some(Arc::clone(shares)), party };
                match waiter.send(permit) {
                    Ok(()) => break true,
                    // Its waiter has given up. It was never counted as held.
                    Err(mut permit) => drop(permit.shares.take()),
                }
            };
            if granted {
                self.take(party);
            }
            match self.parties.get(&party) {
                Some(account) if !account.waiters.is_empty() => self.turns.push_back(party),
                Some(account) if account.held == 0 => drop(self.parties.remove(&party)),
                _ => {}
            }
        }
    }
}

/// The two tenants that were the last to ask: with them it is known of each tenant when another one has asked last.
#[derive(Default)]
struct Recent {
    latest: Option<(TenantId, Instant)>,
    another: Option<(TenantId, Instant)>,
}

impl Recent {
    /// What is in no tenant is not noted: it asks every second, if only for readiness, and would keep a tenant that is alone
    /// from most of the pool.
    fn note(&mut self, party: Party, now: Instant) {
        let Some(tenant) = party else { return };
        match &mut self.latest {
            Some((latest, at)) if *latest == tenant => *at = now,
            latest => self.another = latest.replace((tenant, now)),
        }
    }

    fn anybody_but(&self, party: Party, now: Instant) -> bool {
        [self.latest, self.another]
            .into_iter()
            .flatten()
            .any(|(tenant, at)| Some(tenant) != party && now.duration_since(at) < REMEMBERED)
    }
}
