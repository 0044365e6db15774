//! A job that belongs to no tenant and is being done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowhouse_tenancy::{DbError, GlobalTx, TenantContext, TenantDb, TenantTx, TransactionBody};

use super::store::{GlobalClaim, end_global, renew_global_lease};
use crate::{Failure, JobId, LostLease};

/// One attempt at a job that belongs to no tenant, and its handler's way to the database.
pub struct GlobalRun {
    db: TenantDb,
    claim: GlobalClaim,
    lease: Duration,
    completed: AtomicBool,
}

impl GlobalRun {
    pub(crate) const fn new(db: TenantDb, claim: GlobalClaim, lease: Duration) -> Self {
        Self { db, claim, lease, completed: AtomicBool::new(false) }
    }

    /// Returns the job's id.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.claim.id
    }

    /// Returns the number of this attempt, starting from 1.
    #[must_use]
    pub const fn attempt(&self) -> i32 {
        self.claim.attempts
    }

    /// Runs `body` in a transaction without a tenant, if the job is still this run's. The transaction extends the lease.
    pub async fn tx<T, F>(&self, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut GlobalTx, Result<T, Failure>, Future: Send> + Send,
        T: Send,
    {
        self.db
            .global_tx(operation, async move |tx: &mut GlobalTx| {
                kept(renew_global_lease(tx, &self.claim, self.lease).await?)?;
                body(tx).await
            })
            .await
    }

    /// Does the same as [`GlobalRun::tx`], and ends the job in the same commit, so the body's work is committed once.
    pub async fn complete<T, F>(&self, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut GlobalTx, Result<T, Failure>, Future: Send> + Send,
        T: Send,
    {
        let done = self
            .db
            .global_tx(operation, async move |tx: &mut GlobalTx| {
                kept(end_global(tx, &self.claim).await?)?;
                body(tx).await
            })
            .await?;
        self.completed.store(true, Ordering::Relaxed);
        Ok(done)
    }

    /// Does the same as [`GlobalRun::tx`] in a tenant that the job has found. Returns `None` if the tenant is deleted or suspended.
    pub async fn tenant_tx<T, F>(
        &self,
        cx: &TenantContext,
        operation: &'static str,
        body: F,
    ) -> Result<Option<T>, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send,
        T: Send,
    {
        let done = self.db.tx(cx, operation, async move |tx: &mut TenantTx| {
            kept(renew_global_lease(tx, &self.claim, self.lease).await?)?;
            Ok(body(tx).await?)
        });
        entered(done.await)
    }

    /// Does the same as [`GlobalRun::tenant_tx`], and ends the job in the same commit.
    pub async fn complete_in_tenant<T, F>(
        &self,
        cx: &TenantContext,
        operation: &'static str,
        body: F,
    ) -> Result<Option<T>, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send,
        T: Send,
    {
        let done = self.db.tx(cx, operation, async move |tx: &mut TenantTx| {
            kept(end_global(tx, &self.claim).await?)?;
            Ok(body(tx).await?)
        });
        let done = entered(done.await)?;
        self.completed.store(done.is_some(), Ordering::Relaxed);
        Ok(done)
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.load(Ordering::Relaxed)
    }

    pub(crate) const fn claim(&self) -> &GlobalClaim {
        &self.claim
    }

    /// Extends the lease repeatedly, and returns when the job is not this run's any more.
    pub(crate) async fn until_lost(&self) {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            let held = self.db.global_tx::<_, DbError, _>("jobs.hold_global", async |tx| {
                renew_global_lease(tx, &self.claim, self.lease).await
            });
            match held.await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease may still be valid; if it is not, the next transaction detects that.
                Err(error) => tracing::debug!(%error, "a lease could not be extended: {error}"),
            }
        }
    }
}

/// The reason why a transaction in a tenant was rolled back.
enum RolledBack {
    NotEntered,
    Failed(Failure),
}

impl From<DbError> for RolledBack {
    fn from(error: DbError) -> Self {
        match error {
            DbError::UnknownTenant | DbError::TenantSuspended => Self::NotEntered,
            error => Self::Failed(error.into()),
        }
    }
}

impl From<Failure> for RolledBack {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn entered<T>(done: Result<T, RolledBack>) -> Result<Option<T>, Failure> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(RolledBack::NotEntered) => Ok(None),
        Err(RolledBack::Failed(failure)) => Err(failure),
    }
}

fn kept(ours: bool) -> Result<(), Failure> {
    if ours { Ok(()) } else { Err(LostLease::Taken.into()) }
}
