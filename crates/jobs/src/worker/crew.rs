//! The workers of one class.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rowhouse_tenancy::{DbError, TenantDb};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::attempt::Attempt;
use super::{Handlers, OUTAGE};
use crate::claim::{announce, claim_jobs};
use crate::transactions::Transactions;
use crate::{Class, WorkerArgs};

/// How long jobs that were stopped may take to be released.
const RELEASE: Duration = Duration::from_secs(1);
/// Longer than a worker ever sleeps: it is woken before.
const UNTIL_WOKEN: Duration = Duration::from_hours(24);

pub(super) struct Crew {
    class: Class,
    args: WorkerArgs,
    handlers: Arc<Handlers>,
    transactions: Transactions,
    look: Notify,
}

impl Crew {
    pub(super) fn new(db: TenantDb, class: Class, args: WorkerArgs, handlers: Arc<Handlers>) -> Self {
        let transactions = Transactions::new(db, class);
        Self { class, args, handlers, transactions, look: Notify::new() }
    }

    /// Has it look for jobs now.
    pub(super) fn look(&self) {
        self.look.notify_one();
    }

    /// Works until it is to stop, and then for as long as `drain` at what is running.
    pub(super) async fn work(&self, mut stopping: watch::Receiver<bool>, drain: Duration) {
        let (release, releasing) = watch::channel(false);
        let mut running = JoinSet::new();
        let mut next_look = Instant::now();
        let mut reachable = true;
        loop {
            let idle = self.args.workers_of(self.class).saturating_sub(running.len());
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
                            // Said once; the requests will have more to say.
                            if reachable {
                                tracing::warn!(class = %self.class, %error, "jobs cannot be claimed: {error}");
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
            tracing::warn!(class = %self.class, "jobs were still running after {drain:?}; others will do them");
            release.send_replace(true);
            if timeout(RELEASE, self.finish(&mut running)).await.is_err() {
                tracing::warn!("jobs could not be released; others will do them when their time is over");
            }
        }
    }

    /// Begins what is due. How long there is nothing more to do; without an end, if nothing is queued.
    async fn claim(
        &self,
        idle: usize,
        running: &mut JoinSet<()>,
        releasing: &watch::Receiver<bool>,
    ) -> Result<Option<Duration>, DbError> {
        let tenant_most = self.args.tenant_most(self.class);
        let (class, lease) = (self.class, self.args.lease);
        // A class claims once at a time.
        let claims = self
            .transactions
            .at_once()
            .global_tx("jobs.claim", async |tx| claim_jobs(tx, class, idle, tenant_most, lease).await)
            .await?;
        for claimed in claims.jobs {
            let attempt = Attempt::new(self.transactions.clone(), Arc::clone(&self.handlers), claimed, lease);
            running.spawn(attempt.make(class, releasing.clone()));
        }
        Ok(claims.wait)
    }

    /// Waits until what is running has ended. Nobody here begins another job of the same tenant, so others are told that they may.
    async fn finish(&self, running: &mut JoinSet<()>) {
        while running.join_next().await.is_some() {
            while running.try_join_next().is_some() {}
            let announced = self.transactions.at_once().global_tx("jobs.announce", announce).await;
            if let Err(error) = announced {
                tracing::debug!(%error, "other instances look for jobs when it is their time: {error}");
            }
        }
    }
}
