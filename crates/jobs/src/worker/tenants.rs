//! The queue of one class of jobs, of all tenants.

use std::sync::Arc;

use futures_util::FutureExt;
use rowhouse_tenancy::{DbError, TenantDb};
use tokio::sync::watch;

use super::Handlers;
use super::attempt::JobAttempt;
use super::crew::{Queue, StartedJobs};
use crate::claim::claim_jobs;
use crate::transactions::Transactions;
use crate::{Class, WorkerArgs};

pub(super) struct TenantsQueue {
    class: Class,
    args: WorkerArgs,
    handlers: Arc<Handlers>,
    transactions: Transactions,
}

impl TenantsQueue {
    pub(super) fn new(db: TenantDb, class: Class, args: WorkerArgs, handlers: Arc<Handlers>) -> Self {
        Self { class, args, handlers, transactions: Transactions::new(db, class) }
    }
}

impl Queue for TenantsQueue {
    fn workers(&self) -> usize {
        self.args.workers_of(self.class)
    }

    async fn claim(&self, most: usize, releasing: &watch::Receiver<bool>) -> Result<StartedJobs, DbError> {
        let tenant_most = self.args.tenant_most(self.class);
        let (class, lease) = (self.class, self.args.lease);
        // A class makes one claim at a time.
        let claims = self
            .transactions
            .at_once()
            .global_tx("jobs.claim", async |tx| claim_jobs(tx, class, most, tenant_most, lease).await)
            .await?;
        let attempts = claims.jobs.into_iter().map(|claimed| {
            let attempt =
                JobAttempt::new(self.transactions.clone(), Arc::clone(&self.handlers), claimed, lease);
            attempt.make(class, releasing.clone()).boxed()
        });
        Ok(StartedJobs { attempts: attempts.collect(), wait: claims.wait })
    }
}
