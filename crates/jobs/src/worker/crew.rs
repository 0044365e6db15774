//! The workers of one queue, which claim due jobs and run them.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rowhouse_tenancy::{DbError, TenantDb};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::OUTAGE;
use crate::claim::announce;

/// The time limit for releasing jobs at a stop.
const RELEASE: Duration = Duration::from_secs(1);
/// A time longer than a worker ever sleeps without being woken.
const UNTIL_WOKEN: Duration = Duration::from_hours(24);

/// The source of a crew's jobs.
pub(super) trait Queue: Send + Sync {
    /// The number of jobs that run at once.
    fn workers(&self) -> usize;

    /// Claims at most this many due jobs. They are released when `releasing` is set.
    fn claim(
        &self,
        most: usize,
        releasing: &watch::Receiver<bool>,
    ) -> impl Future<Output = Result<StartedJobs, DbError>> + Send;
}

/// Jobs that were claimed.
pub(super) struct StartedJobs {
    /// One attempt at each.
    pub(super) attempts: Vec<BoxFuture<'static, ()>>,
    /// The time until the next job may be due, or `None` if nothing is queued.
    pub(super) wait: Option<Duration>,
}

pub(super) struct Crew<Q> {
    name: &'static str,
    queue: Q,
    db: TenantDb,
    look: Notify,
}

impl<Q: Queue> Crew<Q> {
    pub(super) fn new(name: &'static str, queue: Q, db: TenantDb) -> Self {
        Self { name, queue, db, look: Notify::new() }
    }

    /// Makes the crew look for jobs now.
    pub(super) fn look(&self) {
        self.look.notify_one();
    }

    /// Works until a stop is requested, and then waits at most `drain` for running jobs.
    pub(super) async fn work(&self, mut stopping: watch::Receiver<bool>, drain: Duration) {
        let (release, releasing) = watch::channel(false);
        let mut running = JoinSet::new();
        let mut next_look = Instant::now();
        let mut reachable = true;
        loop {
            let idle = self.queue.workers().saturating_sub(running.len());
            tokio::select! {
                () = stopping.wait_for(|stopping| *stopping).map(drop) => break,
                Some(_) = running.join_next() => {
                    while running.try_join_next().is_some() {}
                    next_look = Instant::now();
                }
                () = self.look.notified() => next_look = Instant::now(),
                () = sleep_until(next_look), if idle > 0 => {
                    let pause = match self.claim(idle, &mut running, &releasing).await {
                        Ok(pause) => {
                            reachable = true;
                            pause.unwrap_or(UNTIL_WOKEN)
                        }
                        Err(error) => {
                            // This is logged once; failing requests log more.
                            if reachable {
                                tracing::warn!(class = self.name, %error, "jobs cannot be claimed: {error}");
                            }
                            reachable = false;
                            OUTAGE
                        }
                    };
                    next_look = Instant::now() + pause;
                }
            }
        }
        if timeout(drain, self.finish(&mut running)).await.is_err() {
            tracing::warn!(
                class = self.name,
                "jobs were still running after {drain:?}; other instances take them over"
            );
            release.send_replace(true);
            if timeout(RELEASE, self.finish(&mut running)).await.is_err() {
                tracing::warn!(
                    "jobs could not be released; other instances take them over when their leases expire"
                );
            }
        }
    }

    /// Begins the due jobs. Returns the time until the next one may be due, or `None` if nothing is queued.
    async fn claim(
        &self,
        idle: usize,
        running: &mut JoinSet<()>,
        releasing: &watch::Receiver<bool>,
    ) -> Result<Option<Duration>, DbError> {
        let begun = self.queue.claim(idle, releasing).await?;
        for attempt in begun.attempts {
            running.spawn(attempt);
        }
        Ok(begun.wait)
    }

    /// Waits until the running jobs have ended. This instance starts no other job of their tenants, so it notifies
    /// the others each time.
    async fn finish(&self, running: &mut JoinSet<()>) {
        while running.join_next().await.is_some() {
            while running.try_join_next().is_some() {}
            let announced = self.db.global_tx("jobs.announce", announce).await;
            if let Err(error) = announced {
                tracing::debug!(%error, "other instances were not notified and find the jobs by polling: {error}");
            }
        }
    }
}
