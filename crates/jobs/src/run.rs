//! [`Run`], one attempt at a job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantTx, TransactionBody};

use crate::backoff::with_jitter;
use crate::claim::ClaimedJob;
use crate::task::{LeaseState, Task, renew_lease, set_progress, succeed};
use crate::transactions::Transactions;
use crate::{Failure, JobId};

/// The number of times that a contended transaction is repeated. The pause before each grows by the same amount.
const REPEATS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);

/// One attempt at a job. It is the handler's access to the database.
pub struct Run {
    transactions: Transactions,
    cx: TenantContext,
    claimed: ClaimedJob,
    attempt: i32,
    max_attempts: i32,
    lease: Duration,
    completed: AtomicBool,
}

/// The transaction was rolled back because the job is not this run's any more. The handler should return this error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LostLease {
    /// Another worker has taken the job over, since this one did not extend its lease in time.
    #[error("another worker has taken the job over")]
    Taken,
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled,
}

impl From<LostLease> for Failure {
    fn from(lost: LostLease) -> Self {
        Self::abandoned(lost)
    }
}

impl LeaseState {
    const fn kept(self) -> Result<(), LostLease> {
        match self {
            Self::Kept => Ok(()),
            Self::Cancelled => Err(LostLease::Cancelled),
            Self::Lost => Err(LostLease::Taken),
        }
    }
}

impl Run {
    /// The number of rows that [`Run::sweep`] deletes in one transaction.
    pub const BATCH: i64 = 1_000;

    pub(crate) fn new(transactions: Transactions, claimed: ClaimedJob, task: &Task, lease: Duration) -> Self {
        Self {
            transactions,
            cx: TenantContext::system(SystemOrigin::Job, claimed.tenant),
            claimed,
            attempt: task.attempts,
            max_attempts: task.max_attempts,
            lease,
            completed: AtomicBool::new(false),
        }
    }

    /// Returns the job's id.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.claimed.id
    }

    /// Returns the context of the job's tenant, for calls to other services.
    #[must_use]
    pub const fn context(&self) -> &TenantContext {
        &self.cx
    }

    /// Returns the number of this attempt, starting from 1.
    #[must_use]
    pub const fn attempt(&self) -> i32 {
        self.attempt
    }

    /// Returns whether the job fails for good if this attempt fails.
    #[must_use]
    pub const fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    /// Runs `body` in a transaction of the tenant, as [`rowhouse_tenancy::TenantDb::tx`] does, if the job is still
    /// this run's. The transaction extends the lease, and no other worker can change the job until it has ended.
    ///
    /// A contended transaction (a lock timeout, a deadlock) is rolled back and repeated by itself, so that earlier
    /// work of the run, such as a call over the network, is not repeated.
    pub async fn tx<T, F>(&self, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send + Copy,
        T: Send,
    {
        let held = async move |tx: &mut TenantTx| {
            renew_lease(tx, &self.claimed, self.lease).await?.kept()?;
            body(tx).await
        };
        self.until_uncontended(operation, held).await
    }

    /// Runs a transaction as [`Run::tx`] does, after taking one of the tenant's locks by name
    /// ([`rowhouse_tenancy::lock`]). It is for a body that changes other jobs as well: every transaction that changes
    /// several of the same jobs takes the same lock first, so that they do not deadlock.
    pub async fn tx_with_lock<T, F>(&self, lock: &str, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send + Copy,
        T: Send,
    {
        let held = async move |tx: &mut TenantTx| {
            rowhouse_tenancy::lock(tx, lock).await?;
            renew_lease(tx, &self.claimed, self.lease).await?.kept()?;
            body(tx).await
        };
        self.until_uncontended(operation, held).await
    }

    /// Runs a transaction as [`Run::tx`] does, and marks the job as succeeded in the same commit, so the body's work
    /// is committed once.
    pub async fn complete<T, F>(&self, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send + Copy,
        T: Send,
    {
        let ended = async move |tx: &mut TenantTx| {
            succeed(tx, &self.claimed).await?.kept()?;
            body(tx).await
        };
        let done = self.until_uncontended(operation, ended).await?;
        self.completed.store(true, Ordering::Relaxed);
        Ok(done)
    }

    /// Deletes expired rows in batches of [`Run::BATCH`], each in a transaction of its own, until a batch is not full. `delete`
    /// returns the number of rows that it deleted.
    pub async fn sweep<F>(&self, operation: &'static str, delete: F) -> Result<(), Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<usize, Failure>, Future: Send> + Send + Copy,
    {
        let full = usize::try_from(Self::BATCH).unwrap_or(usize::MAX);
        while self.tx(operation, delete).await? >= full {}
        Ok(())
    }

    async fn until_uncontended<T, F>(&self, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send + Copy,
        T: Send,
    {
        let mut repeats = 1..=REPEATS;
        loop {
            let done = self.transactions.tx(&self.cx, operation, body).await;
            match (&done, repeats.next()) {
                (Err(Failure { contended: true, .. }), Some(repeat)) => {
                    tokio::time::sleep(with_jitter(PAUSE * repeat)).await;
                }
                _ => return done,
            }
        }
    }

    /// Records the progress of the job in a transaction of [`Run::tx`]. The tenant's people see it.
    pub async fn progress(&self, tx: &mut TenantTx, done: i64, total: i64) -> Result<(), DbError> {
        set_progress(tx, &self.claimed, done, total).await
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.load(Ordering::Relaxed)
    }

    /// Extends the lease repeatedly, and returns when the job is not this run's any more or is to be cancelled.
    pub(crate) async fn until_lost(&self) -> Result<LostLease, DbError> {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            // Extending the lease must not wait for a turn.
            let held = self
                .transactions
                .at_once()
                .tx(&self.cx, "jobs.hold", async |tx| renew_lease(tx, &self.claimed, self.lease).await);
            match held.await.map(LeaseState::kept) {
                Ok(Ok(())) => {}
                Ok(Err(lost)) => return Ok(lost),
                Err(error @ (DbError::TenantSuspended | DbError::UnknownTenant)) => return Err(error),
                // The lease may still be valid; if it is not, the next transaction detects that.
                Err(error) => tracing::debug!(%error, "a lease could not be extended: {error}"),
            }
        }
    }
}
