//! Processing all tenants, several at a time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use super::ledger::{Batch, batch};
use super::pace::Pace;
use super::plan::{Plan, plan};
use super::session::BackfillConnection;
use super::{Backfill, BackfillError, BackfillProgress, BackfillTarget, Options, TenantFailure, counting};
use crate::tenants::connect_as_owner;

/// Runs a backfill.
pub struct Runner {
    backfill: Backfill,
    admin_url: String,
    ca_file: Option<PathBuf>,
    options: Options,
    progress: BackfillProgress,
}

/// The result of counting.
#[derive(Debug, Default)]
pub struct BackfillCount {
    /// The tenants that are not completed, with the number of their rows to be changed.
    pub tenants: Vec<(BackfillTarget, u64)>,
    /// The number of tenants that were completed before.
    pub completed: usize,
    /// The tenants whose rows could not be counted.
    pub failed: Vec<(BackfillTarget, TenantFailure)>,
    /// The number of tenants that were not processed, since no connection could be made.
    pub left_out: usize,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct BackfillReport {
    /// The number of tenants that this run completed.
    pub completed: usize,
    /// The number of tenants that were completed before.
    pub completed_before: usize,
    /// The number of rows that this run changed, including those of tenants that failed.
    pub changed_rows: u64,
    /// The tenants that are not completed.
    pub failed: Vec<(BackfillTarget, TenantFailure)>,
    /// The number of tenants that were not processed, since no connection could be made.
    pub left_out: usize,
}

/// The tenants for which no connection could be made.
struct UnreachedTenants {
    /// The tenants for which it was tried.
    failed: Vec<(BackfillTarget, TenantFailure)>,
    /// The number of the others.
    left_out: usize,
}

impl BackfillReport {
    /// Returns whether every tenant is completed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.left_out == 0
    }
}

impl Runner {
    /// Creates a runner. `admin_url` names a role that may become `rowhouse_owner`, which executes everything;
    /// `ca_file` has the authorities for `sslmode=require`.
    #[must_use]
    pub fn new(backfill: Backfill, admin_url: &str, ca_file: Option<&Path>) -> Self {
        Self {
            backfill,
            admin_url: admin_url.to_owned(),
            ca_file: ca_file.map(Path::to_owned),
            options: Options::default(),
            progress: BackfillProgress::silent(),
        }
    }

    /// Sets the options.
    #[must_use]
    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Sets the display of the progress.
    #[must_use]
    pub fn with_progress(self, progress: BackfillProgress) -> Self {
        Self { progress, ..self }
    }

    /// Counts the rows without changing any.
    pub async fn count(&self) -> Result<BackfillCount, BackfillError> {
        let mut owner = connect_as_owner(&self.admin_url, self.ca_file.as_deref()).await?;
        let Plan { targets, completed } = plan(&mut owner, &self.backfill, &self.options.tenants).await?;
        drop(owner);
        self.progress.begin("counting", targets.len(), 0);
        let tally = Mutex::new(BackfillCount { completed, ..BackfillCount::default() });
        let UnreachedTenants { failed, left_out } = self
            .each(targets, async |session, target| {
                let counted = counting::count(session, target.id).await;
                self.progress.tenant_done();
                let mut tally = locked(&tally);
                match counted {
                    Ok(rows) => tally.tenants.push((target, rows)),
                    Err(failure) => tally.failed.push((target, failure)),
                }
            })
            .await;
        self.progress.end();
        let mut counted = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        counted.failed.extend(failed);
        counted.left_out = left_out;
        counted.tenants.sort_unstable_by_key(|(target, _)| target.id);
        Ok(counted)
    }

    /// Changes the rows of all tenants that are not completed.
    pub async fn run(&self) -> Result<BackfillReport, BackfillError> {
        let BackfillCount { tenants, completed, failed, left_out } = self.count().await?;
        let rows = tenants.iter().map(|(_, rows)| rows).sum();
        let targets: Vec<BackfillTarget> = tenants.into_iter().map(|(target, _)| target).collect();
        self.progress.begin("changing", targets.len(), rows);
        let pace = Pace::new(self.options.rate);
        let report =
            BackfillReport { completed_before: completed, failed, left_out, ..BackfillReport::default() };
        let tally = Mutex::new(report);
        let UnreachedTenants { failed, left_out } = self
            .each(targets, async |session, target| {
                let outcome = self.go_through(session, &target, &pace, &tally).await;
                self.progress.tenant_done();
                let mut tally = locked(&tally);
                match outcome {
                    Ok(()) => tally.completed += 1,
                    Err(failure) => tally.failed.push((target, failure)),
                }
            })
            .await;
        self.progress.end();
        let mut report = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.failed.extend(failed);
        report.left_out += left_out;
        report.failed.sort_unstable_by_key(|(target, _)| target.id);
        Ok(report)
    }

    async fn go_through(
        &self,
        session: &mut BackfillConnection,
        target: &BackfillTarget,
        pace: &Pace,
        tally: &Mutex<BackfillReport>,
    ) -> Result<(), TenantFailure> {
        let limit = pace.batch(self.options.batch_size);
        let mut first = true;
        loop {
            pace.wait().await;
            let done = batch(session, &self.backfill, target.id, limit, first).await?;
            first = false;
            let (Batch::More(rows) | Batch::Last(rows)) = done else { return Ok(()) };
            pace.spend(rows);
            self.progress.rows(rows);
            locked(tally).changed_rows += rows;
            if let Batch::Last(_) = done {
                return Ok(());
            }
        }
    }

    /// Runs `work` for each tenant.
    async fn each(
        &self,
        targets: Vec<BackfillTarget>,
        work: impl AsyncFn(&mut BackfillConnection, BackfillTarget),
    ) -> UnreachedTenants {
        let workers = targets.len().min(usize::try_from(self.options.concurrency).unwrap_or(1)).max(1);
        let queue = Mutex::new(VecDeque::from(targets));
        let failed = Mutex::new(Vec::new());
        join_all((0..workers).map(|_| async {
            let mut session = None;
            loop {
                let Some(target) = locked(&queue).pop_front() else { break };
                match self.session(&mut session).await {
                    Ok(session) => work(session, target).await,
                    Err(failure) => {
                        locked(&failed).push((target, failure));
                        break;
                    }
                }
            }
        }))
        .await;
        UnreachedTenants {
            failed: failed.into_inner().unwrap_or_else(PoisonError::into_inner),
            left_out: queue.into_inner().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    /// Returns the worker's connection, a new one if it was lost.
    async fn session<'a>(
        &self,
        session: &'a mut Option<BackfillConnection>,
    ) -> Result<&'a mut BackfillConnection, TenantFailure> {
        if session.as_ref().is_some_and(|session| session.client.is_closed()) {
            *session = None;
        }
        if let Some(session) = session {
            Ok(session)
        } else {
            let opened =
                BackfillConnection::open(&self.admin_url, self.ca_file.as_deref(), &self.backfill).await?;
            Ok(session.insert(opened))
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
