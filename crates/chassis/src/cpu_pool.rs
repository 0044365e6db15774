//! Threads for work that keeps a core busy for long, such as hashing a password, and the queue before them.
//!
//! Strangers can ask for such work as often as they like. So whoever is known has a queue of their own, which is served
//! first, and a thread that nobody else gets; a network and a person have a share of a queue, and not all of it; and nobody
//! waits in vain: what cannot be done before its caller's deadline is refused at once.

mod estimate;
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

use crate::grpc::Deadline;
use crate::network::Network;
use queues::Queues;

/// For whom work is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker {
    /// They were recognised: by a device, a network or a session that a stranger does not have.
    pub known: bool,
    /// Whom they were recognised as. Nobody, for who was not: strangers would take an account's places from its person.
    pub person: Option<Uuid>,
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
pub struct CpuPool(Arc<Mutex<Queues>>);

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
        Self(Arc::new(Mutex::new(Queues::new(threads, average))))
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
        let mut queues = self.queues();
        queues.forget_gone();
        queues.admit(asker)?;
        if queues.has_thread_for(asker) {
            queues.running.push(asker);
            return Ok(Entered::Now(Turn { pool: Some(self.clone()), asker }));
        }
        Ok(Entered::Waits(queues.wait(asker)))
    }

    /// Nothing that holds the lock can panic, and nothing would be wrong if it had.
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered {
    Now(Turn),
    Waits(oneshot::Receiver<Turn>),
}

impl Turn {
    /// Ends it, with a piece of work that was done.
    fn took(self, time: Duration) {
        if let Some(pool) = &self.pool {
            pool.queues().estimate.learn(time);
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
