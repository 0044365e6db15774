//! A job that is being done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantTx, TransactionBody};

use crate::backoff::with_jitter;
use crate::claim::Claimed;
use crate::task::{Hold, Task, hold, set_progress, succeed};
use crate::transactions::Transactions;
use crate::{Failure, JobId};

/// How often a transaction is made again that others were in the way of, each time after a pause that is longer by this.
const REPEATS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);

/// One attempt at a job, and its handler's way to the database.
pub struct Run {
    transactions: Transactions,
    cx: TenantContext,
    claimed: Claimed,
    attempt: i32,
    max_attempts: i32,
    lease: Duration,
    completed: AtomicBool,
}

/// The transaction was undone: the job is not this run's any more. Let the handler end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LostLease {
    /// Another worker has it: this one had not prolonged its claim in time.
    #[error("the job has become another worker's")]
    Taken,
    /// Somebody cancelled it.
    #[error("the job was cancelled")]
    Cancelled,
}

impl Hold {
    const fn kept(self) -> Result<(), LostLease> {
        match self {
            Self::Kept => Ok(()),
            Self::Cancelled => Err(LostLease::Cancelled),
            Self::Lost => Err(LostLease::Taken),
        }
    }
}

impl Run {
    /// How many rows [`Run::sweep`] deletes in one transaction.
    pub const BATCH: i64 = 1_000;

    pub(crate) fn new(transactions: Transactions, claimed: Claimed, task: &Task, lease: Duration) -> Self {
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

    /// The job.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.claimed.id
    }

    /// The job's tenant: for calls to other services.
    #[must_use]
    pub const fn context(&self) -> &TenantContext {
        &self.cx
    }

    /// How often the job was begun, this time included.
    #[must_use]
    pub const fn attempt(&self) -> i32 {
        self.attempt
    }

    /// Whether the job is given up if this attempt fails.
    #[must_use]
    pub const fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    /// Runs `body` in a transaction of the tenant, as [`rowhouse_tenancy::TenantDb::tx`] does, if the job is still this run's: no other run
    /// commits anything until the transaction has ended. The claim is prolonged by it.
    ///
    /// While others are in the way (a lock that is not free in time, a deadlock) the transaction is undone and made again, and
    /// nothing else: what the run did before, such as a call over the network, is not repeated for that.
    pub async fn tx<T, F>(&self, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send + Copy,
        T: Send,
    {
        let held = async move |tx: &mut TenantTx| {
            hold(tx, &self.claimed, self.lease).await?.kept()?;
            body(tx).await
        };
        self.until_uncontended(operation, held).await
    }

    /// Runs a transaction as [`Run::tx`] does, which begins with a lock of the tenant's by this name
    /// ([`rowhouse_tenancy::lock`]): for a body that changes other jobs, too. Every transaction
    /// that changes several of the same jobs takes the same lock first, so that no two of them wait for each other.
    pub async fn tx_with_lock<T, F>(&self, lock: &str, operation: &'static str, body: F) -> Result<T, Failure>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, Failure>, Future: Send> + Send + Copy,
        T: Send,
    {
        let held = async move |tx: &mut TenantTx| {
            rowhouse_tenancy::lock(tx, lock).await?;
            hold(tx, &self.claimed, self.lease).await?.kept()?;
            body(tx).await
        };
        self.until_uncontended(operation, held).await
    }

    /// The same as [`Run::tx`], and with it the job has succeeded: what the body does is committed once, and the job ends in the
    /// same commit.
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

    /// Deletes what is not kept any longer, in batches of [`Run::BATCH`] rows, each in a transaction of its own: until one is not
    /// full. `delete` returns how many rows it has deleted.
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

    /// Writes down, in a transaction of [`Run::tx`], how far the job is. The tenant's people see it.
    pub async fn progress(&self, tx: &mut TenantTx, done: i64, total: i64) -> Result<(), DbError> {
        set_progress(tx, &self.claimed, done, total).await
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.load(Ordering::Relaxed)
    }

    /// Returns when the job is not this run's any more, or is to be cancelled. Prolongs the claim until then.
    pub(crate) async fn until_lost(&self) -> Result<LostLease, DbError> {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            // What prolongs a claim waits for no turn.
            let held = self
                .transactions
                .at_once()
                .tx(&self.cx, "jobs.hold", async |tx| hold(tx, &self.claimed, self.lease).await);
            match held.await.map(Hold::kept) {
                Ok(Ok(())) => {}
                Ok(Err(lost)) => return Ok(lost),
                Err(error @ (DbError::TenantSuspended | DbError::UnknownTenant)) => return Err(error),
                // The claim may hold all the same; if it does not, the next transaction finds out.
                Err(error) => tracing::debug!(%error, "a claim could not be prolonged: {error}"),
            }
        }
    }
}
