//! A fair queue in front of the pool: no tenant holds the connections that others wait for.
//!
//! There are as many permits as connections, and a connection is taken only with a permit. Waiters queue per tenant,
//! and tenants take turns. Transactions without a tenant, such as the look-up of a login's identity or of the next job,
//! count as one more tenant.

use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bb8::PooledConnection;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::manager::{Manager, PoolConnection};
use crate::TenantId;

#[cfg(test)]
mod tests;

/// A competitor for connections: a tenant, or all transactions without a tenant.
pub(super) type Party = Option<TenantId>;

/// The time for which a tenant that asked for a connection limits the others to their shares. A client pauses for milliseconds
/// between two requests: without this memory a busy tenant would take the whole pool in each of these gaps.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The reason why no permit became free in time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    /// All connections are in use, by others or by the caller's own party.
    #[error("all {size} connections of the pool are in use, and none became free in time")]
    Pool {
        /// The number of connections in the pool.
        size: usize,
    },
    /// The caller's own party has its share in use; the other connections are for other parties.
    #[error(
        "{whose} has {held} of the {size} connections of the pool in use, which is its share at the moment, and none of them \
         became free in time"
    )]
    Share {
        /// The party, as the subject of the message.
        whose: &'static str,
        /// The number of connections that the party holds.
        held: usize,
        /// The number of connections in the pool.
        size: usize,
    },
}

/// A connection of the pool, with the permit for it.
pub(super) struct Shared {
    // Fields are dropped in this order, so the connection is in the pool before the permit is granted again.
    conn: PooledConnection<'static, Manager>,
    _permit: Permit,
}

impl Shared {
    pub(super) const fn new(conn: PooledConnection<'static, Manager>, permit: Permit) -> Self {
        Self { conn, _permit: permit }
    }
}

impl Deref for Shared {
    type Target = PoolConnection;

    fn deref(&self) -> &PoolConnection {
        &self.conn
    }
}

impl DerefMut for Shared {
    fn deref_mut(&mut self) -> &mut PoolConnection {
        &mut self.conn
    }
}

/// The permits of one pool. Clones share them.
#[derive(Clone)]
pub(super) struct Shares(Arc<Inner>);

struct Inner {
    limits: Limits,
    state: Mutex<State>,
}

/// The largest number of permits that one party holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// The number of connections in the pool.
    size: usize,
    /// The limit while others asked recently or wait: half of the pool.
    contended: usize,
    /// The limit while nobody else did: all but one connection, so that the next tenant need not wait. In a pool of two, both.
    alone: usize,
}

impl Limits {
    fn of(size: usize) -> Self {
        Self { size, contended: size.div_ceil(2), alone: if size > 2 { size - 1 } else { size } }
    }
}

/// The right to take one connection. Dropping it releases it.
pub(super) struct Permit {
    /// `None` after an unused permit was taken back.
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

    pub(super) fn weak(&self) -> WeakShares {
        WeakShares(Arc::downgrade(&self.0))
    }

    /// Waits for a permit, for at most `limit`. A caller that stops waiting loses no permit.
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
        // `self` keeps the sender alive.
        let granted = timeout(limit, waiter).await.ok().and_then(Result::ok);
        granted.ok_or_else(|| self.0.why_full(party))
    }
}

/// The permits of a pool, as long as it exists.
pub(super) struct WeakShares(Weak<Inner>);

impl WeakShares {
    /// Returns the number of callers that wait for a permit, or `None` when the pool is gone.
    pub(super) fn waiting(&self) -> Option<u64> {
        let waiting = |account: &Account| account.waiters.iter().filter(|waiter| !waiter.is_closed()).count();
        let count: usize = self.0.upgrade()?.lock().parties.values().map(waiting).sum();
        u64::try_from(count).ok()
    }
}

impl Inner {
    /// Locks the state. No code panics while it holds the lock, and the state would be consistent all the same.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns why a party got no permit: because of its own share, or because the pool is in use.
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
    /// The parties that hold permits or wait.
    parties: HashMap<Party, Account>,
    /// The parties that wait, each once, in the order of their turns.
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
            self.recent.is_other_active(party, now) || self.turns.iter().any(|waiting| *waiting != party);
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
        // Cancelled waiters are at the front: they waited longest.
        while account.waiters.front().is_some_and(oneshot::Sender::is_closed) {
            account.waiters.pop_front();
        }
        account.waiters.push_back(permit);
        waiter
    }

    /// Grants free permits to waiting parties, one permit a turn. A party at its limit keeps its place in the queue.
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
                    // The waiter was cancelled. The permit was never counted as held.
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

/// The two tenants that asked last. They suffice to know, for each tenant, when another one asked last.
#[derive(Default)]
struct Recent {
    latest: Option<(TenantId, Instant)>,
    another: Option<(TenantId, Instant)>,
}

impl Recent {
    /// Records that a party asked. Work without a tenant is not recorded: readiness asks every second, and would limit
    /// a tenant that is alone to its share for ever.
    fn note(&mut self, party: Party, now: Instant) {
        let Some(tenant) = party else { return };
        match &mut self.latest {
            Some((latest, at)) if *latest == tenant => *at = now,
            latest => self.another = latest.replace((tenant, now)),
        }
    }

    fn is_other_active(&self, party: Party, now: Instant) -> bool {
        [self.latest, self.another]
            .into_iter()
            .flatten()
            .any(|(tenant, at)| Some(tenant) != party && now.duration_since(at) < REMEMBERED)
    }
}
