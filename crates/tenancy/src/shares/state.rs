//! [`State`], the places and the queues for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::recent::Recent;
use super::{Ahead, Full, Inner, Occupancy, Party, Permit, Urgency};

/// The largest number of places that one party holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// The number of places.
    pub(super) size: usize,
    /// The limit while others asked recently or wait: half of the places.
    pub(super) contended: usize,
    /// The limit while nobody else did: all but one place, so that the next party need not wait. Of two places, both.
    pub(super) alone: usize,
}

impl Limits {
    pub(super) fn of(size: usize) -> Self {
        let size = size.max(1);
        Self { size, contended: size.div_ceil(2), alone: if size > 2 { size - 1 } else { size } }
    }
}

pub(super) struct State<P: Party> {
    pub(super) limits: Limits,
    pub(super) held: usize,
    /// The parties that hold places or wait.
    pub(super) parties: HashMap<Option<P>, Account<P>>,
    /// The parties that wait, each once, in the order of their turns: the interactive ones, which come first, and the others.
    pub(super) turns: [VecDeque<Option<P>>; 2],
    pub(super) recent: Recent<P>,
    /// The time since which somebody has been waiting without a break.
    standing: Option<Instant>,
}

pub(super) struct Account<P: Party> {
    pub(super) held: usize,
    pub(super) waiters: [VecDeque<oneshot::Sender<Permit<P>>>; 2],
}

impl<P: Party> Default for Account<P> {
    fn default() -> Self {
        Self { held: 0, waiters: Default::default() }
    }
}

impl<P: Party> Account<P> {
    fn is_idle(&self) -> bool {
        self.held == 0 && self.waiters.iter().all(VecDeque::is_empty)
    }
}

impl<P: Party> State<P> {
    pub(super) fn new(size: usize) -> Self {
        Self {
            limits: Limits::of(size),
            held: 0,
            parties: HashMap::new(),
            turns: Default::default(),
            recent: Recent::default(),
            standing: None,
        }
    }

    pub(super) fn resize(&mut self, size: usize) {
        self.limits = Limits::of(size);
    }

    pub(super) fn occupancy(&self) -> Occupancy {
        let waiting = self.parties.values().flat_map(|account| &account.waiters).map(VecDeque::len).sum();
        Occupancy { size: self.limits.size, held: self.held, waiting }
    }

    /// Records that a party asks, and takes a place for it if one is free.
    pub(super) fn take_if_free(&mut self, party: Option<P>, now: Instant) -> bool {
        self.recent.note(party, now);
        let free = self.held < self.limits.size && self.held(party) < self.limit(party, now);
        if free {
            self.take(party);
        }
        free
    }

    /// Returns why a party got no place: because of its own share, or because all are taken.
    pub(super) fn why_full(&self, party: Option<P>, now: Instant) -> Full {
        let (held, size) = (self.held(party), self.limits.size);
        if held < size && held >= self.limit(party, now) {
            Full::Share { held, size }
        } else {
            Full::All { size }
        }
    }

    fn held(&self, party: Option<P>) -> usize {
        self.parties.get(&party).map_or(0, |account| account.held)
    }

    fn limit(&self, party: Option<P>, now: Instant) -> usize {
        let contended = self.recent.is_other_active(party, now)
            || self.turns.iter().flatten().any(|waiting| *waiting != party);
        if contended { self.limits.contended } else { self.limits.alone }
    }

    fn take(&mut self, party: Option<P>) {
        self.held += 1;
        self.parties.entry(party).or_default().held += 1;
    }

    pub(super) fn put_back(&mut self, party: Option<P>) {
        self.held -= 1;
        if let Some(account) = self.parties.get_mut(&party) {
            account.held -= 1;
            if account.is_idle() {
                self.parties.remove(&party);
            }
        }
    }

    /// Returns those ahead of a party's next waiter. Another party comes as often as this one until then.
    pub(super) fn ahead(&self, party: Option<P>, urgency: Urgency, now: Instant) -> Ahead {
        let waiting = |party, urgency: Urgency| {
            self.parties.get(&party).map_or(0, |account| account.waiters[urgency as usize].len())
        };
        let own = waiting(party, urgency);
        let all = |urgency: Urgency, most: usize| -> usize {
            self.turns[urgency as usize].iter().map(|other| waiting(*other, urgency).min(most)).sum()
        };
        let before = match urgency {
            Urgency::Interactive => 0,
            Urgency::Batch => all(Urgency::Interactive, usize::MAX),
        };
        let standing = self.standing.map_or(Duration::ZERO, |since| now.duration_since(since));
        Ahead {
            places: self.limits.size,
            waiters: before + all(urgency, own + 1),
            interactive: !self.turns[Urgency::Interactive as usize].is_empty(),
            standing,
        }
    }

    pub(super) fn enqueue(
        &mut self,
        party: Option<P>,
        urgency: Urgency,
        now: Instant,
    ) -> oneshot::Receiver<Permit<P>> {
        let (permit, waiter) = oneshot::channel();
        let waiters = &mut self.parties.entry(party).or_default().waiters[urgency as usize];
        if waiters.is_empty() {
            self.turns[urgency as usize].push_back(party);
        }
        waiters.push_back(permit);
        self.standing.get_or_insert(now);
        waiter
    }

    /// Removes a waiter that has closed its end.
    pub(super) fn leave(&mut self, party: Option<P>, urgency: Urgency) {
        let Some(account) = self.parties.get_mut(&party) else { return };
        let waiters = &mut account.waiters[urgency as usize];
        let before = waiters.len();
        waiters.retain(|waiter| !waiter.is_closed());
        if before > 0 && waiters.is_empty() {
            self.turns[urgency as usize].retain(|waiting| *waiting != party);
        }
        if account.is_idle() {
            self.parties.remove(&party);
        }
        self.note_end_of_queue();
    }

    fn note_end_of_queue(&mut self) {
        if self.turns.iter().all(VecDeque::is_empty) {
            self.standing = None;
        }
    }

    /// Grants free places to waiting parties, one place a turn. A party at its limit keeps its place in the queue.
    pub(super) fn grant(&mut self, shares: &Arc<Inner<P>>, now: Instant) {
        for urgency in [Urgency::Interactive, Urgency::Batch] {
            let mut passed_over = 0;
            while self.held < self.limits.size && passed_over < self.turns[urgency as usize].len() {
                let Some(party) = self.turns[urgency as usize].pop_front() else { break };
                // Others that wait limit it also while it is not in the queue itself.
                if self.held(party) >= self.limit(party, now) {
                    self.turns[urgency as usize].push_back(party);
                    passed_over += 1;
                } else {
                    self.grant_to(party, urgency, shares);
                }
            }
        }
        self.note_end_of_queue();
    }

    /// Grants a place to a party's first waiter, and queues the party again if it has more.
    fn grant_to(&mut self, party: Option<P>, urgency: Urgency, shares: &Arc<Inner<P>>) {
        while let Some(waiter) = self.waiters(party, urgency).and_then(VecDeque::pop_front) {
            match waiter.send(Permit { shares: Some(Arc::clone(shares)), party }) {
                Ok(()) => {
                    self.take(party);
                    break;
                }
                // The waiter is gone. The permit was never counted.
                Err(mut permit) => drop(permit.shares.take()),
            }
        }
        if self.waiters(party, urgency).is_some_and(|waiters| !waiters.is_empty()) {
            self.turns[urgency as usize].push_back(party);
        } else if self.parties.get(&party).is_some_and(Account::is_idle) {
            self.parties.remove(&party);
        }
    }

    fn waiters(
        &mut self,
        party: Option<P>,
        urgency: Urgency,
    ) -> Option<&mut VecDeque<oneshot::Sender<Permit<P>>>> {
        Some(&mut self.parties.get_mut(&party)?.waiters[urgency as usize])
    }
}
