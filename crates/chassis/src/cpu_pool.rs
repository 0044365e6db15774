//! A pool of threads for work that occupies a core for long, such as hashing a password, with a queue in front.
//!
//! Strangers can request such work as often as they like. So known callers have a queue of their own, which is served
//! first, and a thread that strangers do not get. A network and a person get only a part of a queue. A request that
//! cannot be served before its deadline is refused at once.

mod estimate;
mod metrics;
mod queues;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tracing::Span;
use uuid::Uuid;

use crate::admission::step_aside;
use crate::grpc::Deadline;
use crate::network::Network;
use queues::Queues;

/// The caller for whom work is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker {
    /// True if the caller was recognised by a device, a network or a session that strangers do not have.
    pub known: bool,
    /// The person that was recognised. `None` for strangers, who would otherwise take the places of an account's
    /// person.
    pub person: Option<Uuid>,
    /// The network of the caller.
    pub network: Option<Network>,
    /// The caller's deadline.
    pub deadline: Option<Deadline>,
}

/// The reason why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum CpuPoolError {
    /// It would have to wait too long.
    #[error("too much is waiting for a processor")]
    Busy {
        /// The time after which the waiting work is likely to be done.
        retry_after: Duration,
    },
    /// The thread panicked, or the runtime is stopping.
    #[error("the thread did not finish: {0}")]
    Thread(#[from] JoinError),
}

/// The threads and their queues. Clones share them.
#[derive(Clone)]
pub struct CpuPool(Arc<Mutex<Queues>>);

/// The right to use a thread, until it is dropped.
struct Turn {
    /// `None` if nobody received the turn.
    pool: Option<CpuPool>,
    asker: Asker,
}

impl CpuPool {
    /// Creates a pool with a thread for each core. `average` is the initial estimate for a piece of work.
    #[must_use]
    pub fn new(average: Duration) -> Self {
        Self::sized(available_parallelism().map_or(1, NonZero::get), average)
    }

    fn sized(threads: usize, average: Duration) -> Self {
        let queues = Arc::new(Mutex::new(Queues::new(threads, average)));
        metrics::observe(&queues);
        Self(queues)
    }

    /// Runs `work` on a thread when its turn comes. A caller that disconnects before that leaves the queue; after
    /// that the work is finished, and counts until then. A call gives its place up, since the pool has a limit of its own.
    pub async fn run<R: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, CpuPoolError> {
        step_aside();
        let turn = match self.enter(asker)? {
            Entered::Now(turn) => turn,
            // A turn is sent before its sender is dropped.
            Entered::Waits(turn) => {
                turn.await.or(Err(CpuPoolError::Busy { retry_after: Duration::from_secs(1) }))?
            }
        };
        let span = Span::current();
        let finished = spawn_blocking(move || {
            let began = Instant::now();
            let result = span.in_scope(work);
            turn.finish(began.elapsed());
            result
        });
        Ok(finished.await?)
    }

    /// Fails if [`CpuPool::run`] would refuse the caller now. It is asked before work of which nothing would be left after a refusal.
    pub fn check_queue(&self, asker: Asker) -> Result<(), CpuPoolError> {
        admit(&mut self.queues(), asker)
    }

    fn enter(&self, asker: Asker) -> Result<Entered, CpuPoolError> {
        let mut queues = self.queues();
        admit(&mut queues, asker)?;
        if queues.has_thread_for(asker) {
            queues.running.push(asker);
            return Ok(Entered::Now(Turn { pool: Some(self.clone()), asker }));
        }
        Ok(Entered::Waits(queues.wait(asker)))
    }

    /// Locks the queues. No code panics while it holds the lock, and the queues would be consistent all the same.
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn admit(queues: &mut Queues, asker: Asker) -> Result<(), CpuPoolError> {
    queues.forget_gone();
    queues.admit(asker).inspect_err(|_| metrics::refused(asker.known))
}

enum Entered {
    Now(Turn),
    Waits(oneshot::Receiver<Turn>),
}

impl Turn {
    /// Ends the turn and records the duration of the work.
    fn finish(self, time: Duration) {
        if let Some(pool) = &self.pool {
            pool.queues().estimate.learn(time);
            metrics::finished(time);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        let mut queues = pool.queues();
        let same = |running: &Asker| running.known == self.asker.known;
        if let Some(at) = queues.running.iter().position(same) {
            queues.running.swap_remove(at);
        }
        queues.next(&pool);
    }
}
