//! Working the jobs off.

mod attempt;
mod purge;
mod wake;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::{DbError, TenantDb};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::claim::{claim_jobs, idle_time};
use crate::handler::{AnyHandler, Typed};
use crate::{Handler, Job, WorkerArgs};
use attempt::Attempt;
use purge::purge_regularly;
use wake::Wake;

/// How long to wait when somebody else is just looking at what is left.
const CONTENTION: Duration = Duration::from_millis(10);
/// How long to wait while the database does not answer.
const OUTAGE: Duration = Duration::from_secs(1);
/// How often to look without having been told: where notifications arrive, and where they do not.
const LISTENING_INTERVAL: Duration = Duration::from_secs(30);
const POLLING_INTERVAL: Duration = Duration::from_secs(1);
/// How long jobs may go on after the service was asked to stop; then they are given back.
const DRAIN: Duration = Duration::from_millis(600);
const GIVE_BACK: Duration = Duration::from_millis(300);

/// A service's workers, as every instance has them.
pub struct Workers {
    db: TenantDb,
    args: WorkerArgs,
    handlers: Handlers,
}

/// By the kind of job.
type Handlers = HashMap<&'static str, Box<dyn AnyHandler>>;

impl Workers {
    /// Workers on the queue of the role that the service logs in as.
    #[must_use]
    pub fn new(db: TenantDb, args: WorkerArgs) -> Self {
        Self { db, args, handlers: Handlers::default() }
    }

    /// Has jobs of the kind be done by the handler. A kind that no instance has a handler for waits for a newer one.
    #[must_use]
    pub fn handle<J: Job>(mut self, handler: impl Handler<J>) -> Self {
        self.handlers.insert(J::KIND, Box::new(Typed::<J, _>::new(handler)));
        self
    }

    /// Works until `shutdown` is ready, and finishes what it is doing or gives it back.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let handlers = Arc::new(std::mem::take(&mut self.handlers));
        let mut shutdown = std::pin::pin!(shutdown);
        if self.args.workers == 0 {
            return shutdown.await;
        }
        let mut wake = Wake::start(self.db.clone());
        let (stop, stopping) = watch::channel(false);
        let mut running = JoinSet::new();
        let mut next_look = Instant::now();
        let mut purging = JoinSet::new();
        purging.spawn(purge_regularly(self.db.clone()));
        let mut reachable = true;
        loop {
            let room = self.args.workers.saturating_sub(running.len());
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = running.join_next() => next_look = Instant::now(),
                () = wake.woken() => next_look = Instant::now(),
                () = sleep_until(next_look), if room > 0 => {
                    let pause = match self.look(room, &handlers, &mut running, &stopping).await {
                        Ok(pause) => {
                            reachable = true;
                            pause.unwrap_or(Duration::MAX).min(wake.interval())
                        }
                        Err(error) => {
                            // Said once; the requests will have more to say.
                            if reachable {
                                tracing::warn!(%error, "jobs cannot be claimed: {error}");
                            }
                            reachable = false;
                            OUTAGE
                        }
                    };
                    next_look = Instant::now() + pause;
                }
            }
        }
        let finished = timeout(DRAIN, async { while running.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            stop.send_replace(true);
            let given_back = timeout(GIVE_BACK, async { while running.join_next().await.is_some() {} }).await;
            if given_back.is_err() {
                tracing::warn!("jobs were still running; others will do them when their time is over");
            }
        }
    }

    /// Begins what is due. How long there is nothing more to do.
    async fn look(
        &self,
        room: usize,
        handlers: &Arc<Handlers>,
        running: &mut JoinSet<()>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Option<Duration>, DbError> {
        let most = i32::try_from(room).unwrap_or(i32::MAX);
        let lease = self.args.lease;
        let claims = self.db.global_tx("jobs.claim", async |tx| claim_jobs(tx, most, lease).await).await?;
        let found = !claims.jobs.is_empty();
        for claimed in claims.jobs {
            let attempt = Attempt::new(self.db.clone(), Arc::clone(handlers), claimed, lease);
            running.spawn(attempt.make(stopping.clone()));
        }
        if found {
            return Ok(Some(Duration::ZERO));
        }
        if claims.contended {
            return Ok(Some(CONTENTION));
        }
        self.db.global_tx("jobs.idle_time", async |tx| idle_time(tx).await).await
    }
}
