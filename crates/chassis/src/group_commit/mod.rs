//! [`GroupCommit`]: what callers of one tenant write at the same time is committed together.
//!
//! Where transactions of a tenant wait for each other, as for the lock of a counter, they are slower than one transaction that does the
//! work of all of them, and the waiting ones hold connections that other tenants need. So the first one begins at once and alone; those
//! that come while it runs wait here, and the next transaction does the work of all of them. This is what databases call a group commit.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use rowhouse_tenancy::TenantId;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

/// Work that may be done in one transaction with other work of the same tenant.
pub trait Group: Send + Sync + 'static {
    /// The work of one call.
    type Work: Send + Sync + 'static;
    /// The answer to the call.
    type Outcome: Send + 'static;

    /// Returns the number of rows that the work writes, more or less.
    fn rows(work: &Self::Work) -> usize;

    /// Does the work of all calls, and returns the outcome of each in the same order.
    ///
    /// `None` means that nothing was committed, and that each call may have another outcome without the others. Then the work is divided and
    /// done again, so that one call's failure is nobody else's. Of a single call, it is an error.
    fn commit(&self, works: &[Self::Work]) -> impl Future<Output = Option<Vec<Self::Outcome>>> + Send;
}

/// The error of a call that has no outcome, since its group panicked. Whether its work was committed is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the group of this call panicked")]
pub struct GroupPanicked;

/// The groups of all tenants. A tenant has at most one running transaction.
pub struct GroupCommit<G: Group>(Arc<Inner<G>>);

struct Inner<G: Group> {
    group: G,
    most_rows: usize,
    /// The calls that wait, of each tenant whose transaction is running.
    waiting: Mutex<HashMap<TenantId, Vec<Call<G>>>>,
}

struct Call<G: Group> {
    work: G::Work,
    caller: Caller<G::Outcome>,
}

struct Caller<O> {
    /// The number of rows that its work writes.
    rows: usize,
    span: Span,
    outcome: oneshot::Sender<O>,
}

impl<G: Group> Call<G> {
    fn is_cancelled(&self) -> bool {
        self.caller.outcome.is_closed()
    }
}

impl<G: Group> GroupCommit<G> {
    /// Creates the groups. A transaction has the work of one call, or of several that write at most `most_rows` rows.
    #[must_use]
    pub fn new(group: G, most_rows: usize) -> Self {
        Self(Arc::new(Inner { group, most_rows, waiting: Mutex::default() }))
    }

    /// Does the work, together with other work of the tenant that waits at the same time.
    ///
    /// Work of a cancelled call (a dropped future) is not begun. Once it has begun it is done, unless all calls of its group are cancelled:
    /// then the group's future is dropped.
    pub async fn run(&self, tenant: TenantId, work: G::Work) -> Result<G::Outcome, GroupPanicked> {
        let (outcome, answer) = oneshot::channel();
        let caller = Caller { rows: G::rows(&work), span: Span::current(), outcome };
        // Only the call that finds no other begins. The task belongs to no call, since none may cancel the others.
        if let Some(first) = self.0.wait_or_begin(tenant, Call { work, caller }) {
            tokio::spawn(Arc::clone(&self.0).run(tenant, first));
        }
        answer.await.or(Err(GroupPanicked))
    }
}

impl<G: Group> Inner<G> {
    /// Lets the call wait, or returns it if it is the tenant's first.
    fn wait_or_begin(&self, tenant: TenantId, call: Call<G>) -> Option<Call<G>> {
        match self.waiting().entry(tenant) {
            Entry::Occupied(mut running) => {
                let calls = running.get_mut();
                // Admission does not count a cancelled call any more, so without this the calls here would have no bound.
                calls.retain(|call| !call.is_cancelled());
                calls.push(call);
                None
            }
            Entry::Vacant(idle) => {
                idle.insert(Vec::new());
                Some(call)
            }
        }
    }

    async fn run(self: Arc<Self>, tenant: TenantId, first: Call<G>) {
        let mut turn = Turn { groups: &self, tenant, ended: false };
        let mut group = vec![first];
        while !group.is_empty() {
            let mut parts = vec![group];
            while let Some(part) = parts.pop() {
                if let Some(mut first_half) = self.commit(part).await {
                    parts.push(first_half.split_off(first_half.len() / 2));
                    parts.push(first_half);
                }
            }
            group = self.next(tenant);
        }
        turn.ended = true;
    }

    /// Does the work of the calls that are not cancelled, or returns several calls if nothing was done and they have to be divided.
    async fn commit(&self, mut group: Vec<Call<G>>) -> Option<Vec<Call<G>>> {
        group.retain(|call| !call.is_cancelled());
        let span = group_span(&group)?;
        let (works, mut callers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|call| (call.work, call.caller)).unzip();
        let all_are_cancelled = async {
            for caller in &mut callers {
                caller.outcome.closed().await;
            }
        };
        // The panic hook has logged a panic, and nothing of the group is used after it.
        let committing = AssertUnwindSafe(self.group.commit(&works)).catch_unwind().instrument(span);
        let outcomes = tokio::select! {
            biased;
            outcomes = committing => outcomes.ok()?,
            () = all_are_cancelled => return None,
        };
        match outcomes {
            Some(outcomes) => {
                for (caller, outcome) in callers.into_iter().zip(outcomes) {
                    // A cancelled call needs none.
                    drop(caller.outcome.send(outcome));
                }
                None
            }
            None if works.len() > 1 => {
                let calls = works.into_iter().zip(callers);
                Some(calls.map(|(work, caller)| Call { work, caller }).collect())
            }
            None => None,
        }
    }

    /// Takes the next group. If nobody waits, the tenant's turn has ended.
    fn next(&self, tenant: TenantId) -> Vec<Call<G>> {
        let mut waiting = self.waiting();
        let Some(calls) = waiting.get_mut(&tenant) else { return Vec::new() };
        let mut rows = 0_usize;
        let fit = calls.iter().take_while(|call| {
            rows = rows.saturating_add(call.caller.rows);
            rows <= self.most_rows
        });
        // One at least, if there is one.
        let count = fit.count().max(1).min(calls.len());
        let group = calls.drain(..count).collect::<Vec<_>>();
        if group.is_empty() {
            waiting.remove(&tenant);
        }
        group
    }

    /// Locks the calls. No code panics while it holds the lock, and the calls would be consistent all the same.
    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Call<G>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that does a tenant's work.
struct Turn<'a, G: Group> {
    groups: &'a Inner<G>,
    tenant: TenantId,
    /// True when the next call begins a new turn.
    ended: bool,
}

impl<G: Group> Drop for Turn<'_, G> {
    /// Ends a turn that panicked or was dropped with its runtime, so that no call waits for it.
    fn drop(&mut self) {
        if !self.ended {
            let left = self.groups.waiting().remove(&self.tenant);
            // The lock is free again.
            drop(left);
        }
    }
}

/// Returns the first call's span, to which those of the others are linked, or `None` without a call.
fn group_span<G: Group>(group: &[Call<G>]) -> Option<Span> {
    let mut spans = group.iter().map(|call| &call.caller.span);
    let first = spans.next()?;
    for other in spans {
        other.follows_from(first);
    }
    Some(first.clone())
}
