//! Threads for work that keeps a core busy for long, such as hashing a password, and the queue before them.
//!
//! Strangers can ask for such work as often as they like. So whoever is known has a queue of their own, which is served
//! first, and a thread that nobody else gets; a network has a share of a queue, and not all of it; and nobody waits in vain: what
//! cannot be done before its caller's deadline is refused at once.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tracing::Span;

use crate::grpc::Deadline;
use crate::network::Network;

/// How many of each queue may wait for each thread.
const QUEUE_PER_THREAD: usize = 16;
/// The part of a queue that one network may take.
const SHARES: usize = 2;
/// The weight of the latest piece of work in the average is one of so many.
const MEMORY: u32 = 8;

/// For whom work is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker {
    /// They were recognised: by a device, a network or a session that a stranger does not have.
    pub known: bool,
    /// Where they ask from.
    pub network: Option<Network>,
    /// Until when they wait.
    pub deadline: Option<Deadline>,
}

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum CpuPoolError {
    /// It would have to wait too long.
    #[error("too much is waiting for a processor")]
    Busy {
        /// When what waits is likely to be done.
        retry_after: Duration,
    },
    /// The thread panicked, or the runtime is stopping.
    #[error("the thread did not finish: {0}")]
    Thread(#[from] JoinError),
}

/// The threads and their queues. Cloning shares them.
#[derive(Clone)]
pub struct CpuPool(Arc<Mutex<State>>);

struct State {
    threads: usize,
    running: Vec<Asker>,
    known: VecDeque<Waiting>,
    unknown: VecDeque<Waiting>,
    /// How long a piece of work takes, of late.
    average: Duration,
}

struct Waiting {
    asker: Asker,
    turn: oneshot::Sender<Turn>,
}

/// The right to a thread, until it is dropped.
struct Turn {
    /// None when it came to nobody.
    pool: Option<CpuPool>,
    asker: Asker,
}

impl CpuPool {
    /// With a thread for each core. `average` is how long a piece of work takes, until there is more experience.
    #[must_use]
    pub fn new(average: Duration) -> Self {
        Self::sized(available_parallelism().map_or(1, NonZero::get), average)
    }

    fn sized(threads: usize, average: Duration) -> Self {
        let (known, unknown) = (VecDeque::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(State { threads, running: Vec::new(), known, unknown, average })))
    }

    /// Does `work` on a thread when its turn comes. A caller who goes away before leaves the queue; after that the work is
    /// finished, and counts until it is.
    pub async fn run<R: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, CpuPoolError> {
        let turn = match self.enter(asker)? {
            Entered::Now(turn) => turn,
            // A turn is handed over before its sender goes.
            Entered::Waits(turn) => {
                turn.await.or(Err(CpuPoolError::Busy { retry_after: Duration::from_secs(1) }))?
            }
        };
        let span = Span::current();
        let finished = spawn_blocking(move || {
            let began = Instant::now();
            let result = span.in_scope(work);
            turn.took(began.elapsed());
            result
        });
        Ok(finished.await?)
    }

    fn enter(&self, asker: Asker) -> Result<Entered, CpuPoolError> {
        let mut state = self.state();
        state.forget_gone();
        state.admit(asker)?;
        if state.has_thread_for(asker) {
            state.running.push(asker);
            return Ok(Entered::Now(Turn { pool: Some(self.clone()), asker }));
        }
        let (turn, waits) = oneshot::channel();
        state.queue(asker.known).push_back(Waiting { asker, turn });
        Ok(Entered::Waits(waits))
    }

    /// Nothing that holds the lock can panic, and nothing would be wrong if it had.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered {
    Now(Turn),
    Waits(oneshot::Receiver<Turn>),
}

impl State {
    fn queue(&mut self, known: bool) -> &mut VecDeque<Waiting> {
        if known { &mut self.known } else { &mut self.unknown }
    }

    fn forget_gone(&mut self) {
        for queue in [&mut self.known, &mut self.unknown] {
            queue.retain(|waiting| !waiting.turn.is_closed());
        }
    }

    /// The threads that strangers may have at a time: all but one, if there are several.
    fn for_strangers(&self) -> usize {
        self.threads.saturating_sub(1).max(1)
    }

    fn has_thread_for(&self, asker: Asker) -> bool {
        if self.running.len() >= self.threads || !self.known.is_empty() {
            return false;
        }
        let strangers = self.running.iter().filter(|running| !running.known).count();
        asker.known || (self.unknown.is_empty() && strangers < self.for_strangers())
    }

    /// Refuses what would wait too long, and what would leave a network too much of the queue.
    fn admit(&mut self, asker: Asker) -> Result<(), CpuPoolError> {
        if self.has_thread_for(asker) && asker.deadline.is_none_or(|it| it.remaining() >= self.average) {
            return Ok(());
        }
        let (queue, threads) =
            if asker.known { (&self.known, self.threads) } else { (&self.unknown, self.for_strangers()) };
        let ahead = if asker.known { self.known.len() } else { self.known.len() + self.unknown.len() };
        // The one that is running, those that are ahead, and the asker's own.
        let rounds = u32::try_from(ahead / threads + 2).unwrap_or(u32::MAX);
        let wait = self.average.saturating_mul(rounds);
        let most = self.threads * QUEUE_PER_THREAD;
        let of_network = queue.iter().filter(|waiting| waiting.asker.network == asker.network).count();
        let full = queue.len() >= most || of_network >= most / SHARES;
        let too_late = asker.deadline.is_some_and(|deadline| deadline.remaining() < wait);
        if too_late && self.running.is_empty() {
            // Nothing runs that the average could be learnt from: one that a stall of the machine has left too long would
            // refuse everybody for ever.
            self.learn(Duration::ZERO);
        }
        if too_late || full {
            return Err(CpuPoolError::Busy { retry_after: wait.max(Duration::from_secs(1)) });
        }
        Ok(())
    }

    fn learn(&mut self, took: Duration) {
        self.average = (self.average.saturating_mul(MEMORY - 1).saturating_add(took)) / MEMORY;
    }

    /// Gives free threads to who waits. Those whose caller has gone away are passed over.
    fn next(&mut self, pool: &CpuPool) {
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
                // Gone at this very moment. To give it back would take the lock that is held here.
                unused.pool = None;
                self.running.pop();
            }
        }
    }
}

impl Turn {
    /// Ends it, with a piece of work that was done.
    fn took(self, time: Duration) {
        if let Some(pool) = &self.pool {
            pool.state().learn(time);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        let mut state = pool.state();
        let same = |running: &Asker| running.known == self.asker.known;
        if let Some(at) = state.running.iter().position(same) {
            state.running.swap_remove(at);
        }
        state.next(&pool);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc;

    use super::*;

    const KNOWN: Asker = Asker { known: true, network: None, deadline: None };
    const STRANGER: Asker = Asker { known: false, network: None, deadline: None };
    const QUICK: Duration = Duration::from_millis(1);

    fn from(asker: Asker, address: &str) -> Asker {
        Asker { network: Some(Network::from(address.parse::<IpAddr>().unwrap())), ..asker }
    }

    /// Work that goes on until it is told to end.
    struct Blocker(mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), CpuPoolError>>);

    impl Blocker {
        /// When this returns, the work has a thread.
        async fn start(pool: &CpuPool, asker: Asker) -> Self {
            let (end, ended) = mpsc::channel();
            let (started, has_started) = oneshot::channel();
            let pool = pool.clone();
            let work = move || {
                started.send(()).unwrap();
                ended.recv().unwrap();
            };
            let run = tokio::spawn(async move { pool.run(asker, work).await });
            has_started.await.unwrap();
            Self(end, run)
        }

        async fn end(self) {
            self.0.send(()).unwrap();
            self.1.await.unwrap().unwrap();
        }
    }

    async fn waiting(pool: &CpuPool, known: usize, unknown: usize) {
        loop {
            {
                let mut state = pool.state();
                state.forget_gone();
                if (state.known.len(), state.unknown.len()) == (known, unknown) {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn refused<R>(answer: &Result<R, CpuPoolError>) -> bool {
        matches!(answer, Err(CpuPoolError::Busy { retry_after }) if *retry_after >= Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_thread_is_kept_for_who_is_known() {
        let pool = CpuPool::sized(2, QUICK);
        let stranger = Blocker::start(&pool, STRANGER).await;
        let other = pool.clone();
        let other = tokio::spawn(async move { other.run(STRANGER, || ()).await });
        waiting(&pool, 0, 1).await;
        assert_eq!(
            pool.run(KNOWN, || 7).await.unwrap(),
            7,
            "there is a thread, and the stranger does not get it"
        );
        waiting(&pool, 0, 1).await;
        stranger.end().await;
        other.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_is_known_is_served_first() {
        let pool = CpuPool::sized(1, QUICK);
        let blocker = Blocker::start(&pool, STRANGER).await;
        let (order, done) = mpsc::channel();
        let mut runs = Vec::new();
        for (asker, name, known, unknown) in
            [(STRANGER, "stranger", 0, 1), (STRANGER, "another", 0, 2), (KNOWN, "known", 1, 2)]
        {
            let (pool_, order) = (pool.clone(), order.clone());
            runs.push(tokio::spawn(async move { pool_.run(asker, move || order.send(name).unwrap()).await }));
            waiting(&pool, known, unknown).await;
        }
        blocker.end().await;
        for run in runs {
            run.await.unwrap().unwrap();
        }
        assert_eq!(done.try_iter().collect::<Vec<_>>(), ["known", "stranger", "another"]);
    }

    #[tokio::test]
    async fn a_network_has_a_share_of_the_queue() {
        let pool = CpuPool::sized(1, QUICK);
        let blocker = Blocker::start(&pool, STRANGER).await;
        let share = QUEUE_PER_THREAD / SHARES;
        let mut runs = Vec::new();
        for n in 0..share {
            let asker = from(STRANGER, &format!("2001:db8::{n:x}"));
            let pool = pool.clone();
            runs.push(tokio::spawn(async move { pool.run(asker, || ()).await }));
        }
        waiting(&pool, 0, share).await;
        assert!(refused(&pool.run(from(STRANGER, "2001:db8::ffff"), || ()).await));
        for (asker, known, unknown) in
            [(from(STRANGER, "2001:db8:0:1::1"), 0, share + 1), (from(KNOWN, "2001:db8::1"), 1, share + 1)]
        {
            let other = pool.clone();
            runs.push(tokio::spawn(async move { other.run(asker, || ()).await }));
            waiting(&pool, known, unknown).await;
        }
        blocker.end().await;
        for run in runs {
            run.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn what_would_come_too_late_is_refused_at_once() {
        let pool = CpuPool::sized(1, Duration::from_secs(2));
        let soon = Asker { deadline: Some(Deadline::after(Duration::from_secs(1))), ..STRANGER };
        assert!(refused(&pool.run(soon, || ()).await), "one piece takes two seconds");
        let later = Asker { deadline: Some(Deadline::after(Duration::from_secs(3))), ..STRANGER };
        pool.state().average = Duration::from_secs(2);
        let blocker = Blocker::start(&pool, later).await;
        assert!(refused(&pool.run(later, || ()).await), "it would have to wait for another");
        let patient = Asker { deadline: Some(Deadline::after(Duration::from_mins(1))), ..STRANGER };
        let waits = pool.clone();
        let waits = tokio::spawn(async move { waits.run(patient, || ()).await });
        waiting(&pool, 0, 1).await;
        blocker.end().await;
        waits.await.unwrap().unwrap();
        assert!(pool.state().average < Duration::from_secs(2), "it learns how long work takes");
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_queue_is_refused_and_who_goes_away_makes_room() {
        let pool = CpuPool::sized(1, QUICK);
        let blocker = Blocker::start(&pool, STRANGER).await;
        let mut runs = Vec::new();
        for n in 0..QUEUE_PER_THREAD {
            let asker = from(STRANGER, &format!("192.0.2.{n}"));
            let pool = pool.clone();
            runs.push(tokio::spawn(async move { pool.run(asker, || ()).await }));
        }
        waiting(&pool, 0, QUEUE_PER_THREAD).await;
        assert!(refused(&pool.run(from(STRANGER, "198.51.100.1"), || ()).await));
        let gone = runs.pop().unwrap();
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let next = pool.clone();
        runs.push(tokio::spawn(async move { next.run(from(STRANGER, "198.51.100.1"), || ()).await }));
        waiting(&pool, 0, QUEUE_PER_THREAD).await;
        blocker.end().await;
        for run in runs {
            run.await.unwrap().unwrap();
        }
        assert!(pool.state().running.is_empty());
    }
}
