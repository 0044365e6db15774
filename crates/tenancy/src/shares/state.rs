//! [`State`], the places and the queues for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::by_urgency::ByUrgency;
use super::recent::Recent;
use super::standing::Standing;
use super::{Full, Inner, Occupancy, Party, Permit, Queue, Urgency};

/// The number of places that interactive waiters get before a batch gets one, if both wait: without it, programs would wait for as
/// long as people are busy.
const IN_A_ROW: usize = 7;

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

    /// Returns the limits under which no party ever holds more than `most`.
    fn at_most(self, most: usize) -> Self {
        Self { contended: self.contended.min(most), alone: self.alone.min(most), ..self }
    }
}

pub(super) struct State<P: Party> {
    pub(super) limits: Limits,
    /// The number of places that no party ever exceeds.
    most: usize,
    pub(super) held: usize,
    waiting: usize,
    /// The parties that hold places or wait.
    pub(super) parties: HashMap<Option<P>, Account<P>>,
    /// The parties that wait, each once, in the order of their turns: the interactive ones, which come first, and the others.
    pub(super) turns: ByUrgency<VecDeque<Option<P>>>,
    pub(super) recent: Recent<P>,
    /// The queue for places that are all taken.
    standing: Standing,
    /// The number of places that interactive waiters got in a row, while a batch waited.
    in_a_row: usize,
}

pub(super) struct Account<P: Party> {
    pub(super) held: usize,
    pub(super) waiters: ByUrgency<VecDeque<oneshot::Sender<Permit<P>>>>,
    /// The party's queue.
    standing: Standing,
}

impl<P: Party> Default for Account<P> {
    fn default() -> Self {
        Self { held: 0, waiters: ByUrgency::default(), standing: Standing::default() }
    }
}

impl<P: Party> Account<P> {
    fn is_idle(&self) -> bool {
        self.held == 0 && self.waiters.iter().all(VecDeque::is_empty)
    }

    fn note_end_of_queue(&mut self, now: Instant) {
        if self.waiters.iter().all(VecDeque::is_empty) {
            self.standing.end(now);
        }
    }
}

impl<P: Party> State<P> {
    pub(super) fn new(size: usize, most: usize) -> Self {
        Self {
            limits: Limits::of(size).at_most(most),
            most,
            held: 0,
            waiting: 0,
            parties: HashMap::new(),
            turns: ByUrgency::default(),
            recent: Recent::default(),
            standing: Standing::default(),
            in_a_row: 0,
        }
    }

    pub(super) fn resize(&mut self, size: usize) {
        self.limits = Limits::of(size).at_most(self.most);
    }

    pub(super) fn occupancy(&self) -> Occupancy {
        Occupancy { size: self.limits.size, held: self.held, waiting: self.waiting }
    }

    /// Records that a party asks, and returns whether so many places are free for it.
    pub(super) fn is_free(&mut self, party: Option<P>, places: usize, now: Instant) -> bool {
        self.recent.note(party, now);
        let fits = |held: usize, limit| held.checked_add(places).is_some_and(|held| held <= limit);
        fits(self.held, self.limits.size) && fits(self.held(party), self.limit(party, now))
    }

    /// Does the same, and takes the places.
    pub(super) fn take_if_free(&mut self, party: Option<P>, places: usize, now: Instant) -> bool {
        let free = self.is_free(party, places, now);
        if free {
            self.take(party, places);
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

    fn take(&mut self, party: Option<P>, places: usize) {
        self.held += places;
        self.parties.entry(party).or_default().held += places;
    }

    pub(super) fn put_back(&mut self, party: Option<P>, places: usize) {
        self.held -= places;
        if let Some(account) = self.parties.get_mut(&party) {
            account.held -= places;
            if account.is_idle() {
                self.parties.remove(&party);
            }
        }
    }

    /// Returns the queue that a party's next waiter finds. Another party is served as often as this one until then.
    pub(super) fn queue(&self, party: Option<P>, urgency: Urgency, now: Instant) -> Queue {
        let own = self.parties.get(&party);
        let turns = own.map_or(0, |own| own.waiters[urgency].len()) + 1;
        let of = |other: &Option<P>| self.parties.get(other).map(|account| &account.waiters[urgency]);
        let ahead = self.turns[urgency].iter().filter_map(of).map(|waiters| waiters.len().min(turns)).sum();
        Queue {
            places: self.limits.size,
            ahead,
            waiting: self.waiting,
            standing: self.standing.time(now),
            own_standing: own.map_or(Duration::ZERO, |own| own.standing.time(now)),
        }
    }

    pub(super) fn enqueue(
        &mut self,
        party: Option<P>,
        urgency: Urgency,
        now: Instant,
    ) -> oneshot::Receiver<Permit<P>> {
        let (permit, waiter) = oneshot::channel();
        let account = self.parties.entry(party).or_default();
        account.standing.begin(now);
        let waiters = &mut account.waiters[urgency];
        if waiters.is_empty() {
            self.turns[urgency].push_back(party);
        }
        waiters.push_back(permit);
        self.waiting += 1;
        if self.held >= self.limits.size {
            self.standing.begin(now);
        }
        waiter
    }

    /// Removes a waiter that has closed its end.
    pub(super) fn leave(&mut self, party: Option<P>, urgency: Urgency, now: Instant) {
        let Some(account) = self.parties.get_mut(&party) else { return };
        let waiters = &mut account.waiters[urgency];
        let before = waiters.len();
        waiters.retain(|waiter| !waiter.is_closed());
        self.waiting -= before - waiters.len();
        if before > 0 && waiters.is_empty() {
            self.turns[urgency].retain(|waiting| *waiting != party);
        }
        account.note_end_of_queue(now);
        if account.is_idle() {
            self.parties.remove(&party);
        }
        self.note_end_of_queue(now);
    }

    fn note_end_of_queue(&mut self, now: Instant) {
        // With a free place, those who wait have their shares.
        if self.waiting == 0 || self.held < self.limits.size {
            self.standing.end(now);
        }
    }

    /// Grants free places to waiting parties, one place a turn. A party at its limit keeps its place in the queue.
    pub(super) fn grant(&mut self, shares: &Arc<Inner<P>>, now: Instant) {
        while self.held < self.limits.size {
            let order = if self.in_a_row < IN_A_ROW {
                [Urgency::Interactive, Urgency::Batch]
            } else {
                [Urgency::Batch, Urgency::Interactive]
            };
            let Some(served) = order.into_iter().find(|urgency| self.grant_one(*urgency, shares, now)) else {
                break;
            };
            let batch_waits = !self.turns[Urgency::Batch].is_empty();
            self.in_a_row = if served == Urgency::Interactive && batch_waits { self.in_a_row + 1 } else { 0 };
        }
        self.note_end_of_queue(now);
    }

    /// Grants a place to the first party, of those that wait with this urgency, that is below its limit. Returns false if there is
    /// none.
    fn grant_one(&mut self, urgency: Urgency, shares: &Arc<Inner<P>>, now: Instant) -> bool {
        for _ in 0..self.turns[urgency].len() {
            let Some(party) = self.turns[urgency].pop_front() else { return false };
            // Others that wait limit it also while it is not in the queue itself.
            if self.held(party) >= self.limit(party, now) {
                self.turns[urgency].push_back(party);
            } else if self.grant_to(party, urgency, shares, now) {
                return true;
            }
        }
        false
    }

    /// Grants a place to a party's first waiter, and queues the party again if it has more. Returns false if all are gone.
    fn grant_to(&mut self, party: Option<P>, urgency: Urgency, shares: &Arc<Inner<P>>, now: Instant) -> bool {
        let mut granted = false;
        while !granted && let Some(waiter) = self.waiters(party, urgency).and_then(VecDeque::pop_front) {
            self.waiting -= 1;
            match waiter.send(Permit { shares: Some(Arc::clone(shares)), party, places: 1 }) {
                Ok(()) => granted = true,
                // The waiter is gone. The permit was never counted.
                Err(mut permit) => drop(permit.shares.take()),
            }
        }
        if granted {
            self.take(party, 1);
        }
        let Some(account) = self.parties.get_mut(&party) else { return granted };
        account.note_end_of_queue(now);
        if !account.waiters[urgency].is_empty() {
            self.turns[urgency].push_back(party);
        } else if account.is_idle() {
            self.parties.remove(&party);
        }
        granted
    }

    fn waiters(
        &mut self,
        party: Option<P>,
        urgency: Urgency,
    ) -> Option<&mut VecDeque<oneshot::Sender<Permit<P>>>> {
        Some(&mut self.parties.get_mut(&party)?.waiters[urgency])
    }
}
