//! The queues in front of the threads: admission and order.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::estimate::Estimate;
use super::{Asker, CpuPool, CpuPoolError, Turn};
use crate::network::Network;

/// The places in each queue per thread.
pub(super) const QUEUE_PER_THREAD: usize = 16;
/// The places that one person has in a queue, from all networks.
pub(super) const PERSON: usize = 2;

/// Returns the number of places in a queue beyond which a network gets none.
pub(super) const fn share_of_network(places: usize) -> usize {
    places / 2
}

/// Returns the same number for the wider network.
pub(super) const fn share_of_wider(places: usize) -> usize {
    places * 3 / 4
}

pub(super) struct Queues {
    pub(super) threads: usize,
    pub(super) running: Vec<Asker>,
    pub(super) known: VecDeque<Waiting>,
    pub(super) unknown: VecDeque<Waiting>,
    pub(super) estimate: Estimate,
}

pub(super) struct Waiting {
    asker: Asker,
    turn: oneshot::Sender<Turn>,
}

impl Queues {
    pub(super) fn new(threads: usize, average: Duration) -> Self {
        let (known, unknown) = (VecDeque::new(), VecDeque::new());
        Self { threads, running: Vec::new(), known, unknown, estimate: Estimate::new(average) }
    }

    /// Adds an admitted caller to a queue.
    pub(super) fn wait(&mut self, asker: Asker) -> oneshot::Receiver<Turn> {
        let (turn, waits) = oneshot::channel();
        let queue = if asker.known { &mut self.known } else { &mut self.unknown };
        queue.push_back(Waiting { asker, turn });
        waits
    }

    pub(super) fn forget_gone(&mut self) {
        for queue in [&mut self.known, &mut self.unknown] {
            queue.retain(|waiting| !waiting.turn.is_closed());
        }
    }

    /// Returns the number of threads for strangers: all but one, if there are several.
    fn for_strangers(&self) -> usize {
        self.threads.saturating_sub(1).max(1)
    }

    pub(super) fn has_thread_for(&self, asker: Asker) -> bool {
        if self.running.len() >= self.threads || !self.known.is_empty() {
            return false;
        }
        let strangers = self.running.iter().filter(|running| !running.known).count();
        asker.known || (self.unknown.is_empty() && strangers < self.for_strangers())
    }

    /// Refuses a request that would wait too long, or that would leave its network or person too much of the queue.
    pub(super) fn admit(&mut self, asker: Asker) -> Result<(), CpuPoolError> {
        let average = self.estimate.average();
        if self.has_thread_for(asker) && asker.deadline.is_none_or(|it| it.remaining() >= average) {
            return Ok(());
        }
        let (queue, threads) =
            if asker.known { (&self.known, self.threads) } else { (&self.unknown, self.for_strangers()) };
        let ahead = if asker.known { self.known.len() } else { self.known.len() + self.unknown.len() };
        // The running piece, those ahead in the queue, and the caller's own.
        let rounds = u32::try_from(ahead / threads + 2).unwrap_or(u32::MAX);
        let wait = average.saturating_mul(rounds);
        let full = is_full(queue, self.threads * QUEUE_PER_THREAD, asker);
        let too_late = asker.deadline.is_some_and(|deadline| deadline.remaining() < wait);
        if too_late && self.running.is_empty() {
            // Nothing is running from which the average could be learnt. One that is too long would refuse everybody
            // for ever.
            self.estimate.learn(Duration::ZERO);
        }
        if too_late || full {
            return Err(CpuPoolError::Busy { retry_after: wait.max(Duration::from_secs(1)) });
        }
        Ok(())
    }

    /// Gives free threads to waiting callers, and skips those that disconnected.
    pub(super) fn next(&mut self, pool: &CpuPool) {
        while self.running.len() < self.threads {
            let strangers = self.running.iter().filter(|running| !running.known).count();
            let next = self
                .known
                .pop_front()
                .or_else(|| if strangers < self.for_strangers() { self.unknown.pop_front() } else { None });
            let Some(Waiting { asker, turn }) = next else { return };
            if turn.is_closed() {
                continue;
            }
            self.running.push(asker);
            if let Err(mut unused) = turn.send(Turn { pool: Some(pool.clone()), asker }) {
                // The caller disconnected at this moment. Releasing the turn would take the lock that is held here.
                unused.pool = None;
                self.running.pop();
            }
        }
    }
}

/// Returns whether a queue with this many places has none for the caller. Callers with an unknown network share the
/// places of one network.
fn is_full(queue: &VecDeque<Waiting>, places: usize, asker: Asker) -> bool {
    let count = |same: &dyn Fn(&Asker) -> bool| queue.iter().filter(|waiting| same(&waiting.asker)).count();
    let wider = |asker: &Asker| asker.network.and_then(Network::wider);
    queue.len() >= places
        || count(&|other| other.network == asker.network) >= share_of_network(places)
        || (wider(&asker).is_some()
            && count(&|other| wider(other) == wider(&asker)) >= share_of_wider(places))
        || (asker.person.is_some() && count(&|other| other.person == asker.person) >= PERSON)
}
