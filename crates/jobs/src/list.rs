//! A tenant's jobs, as its people see them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use diesel::sql_types::{Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::JobId;
use crate::schema::jobs;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Waits to be begun, or to be tried again.
    Queued,
    /// Is being done.
    Running,
    /// Has ended well.
    Succeeded,
    /// Was given up.
    Dead,
    /// Was cancelled.
    Cancelled,
}

impl JobStatus {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job's status is one of queued, running, succeeded, dead, cancelled")]
pub struct UnknownStatus;

impl FromStr for JobStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Dead, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So much is done.
    pub done: i64,
    /// So much is to be done in all.
    pub total: i64,
}

/// A job, without what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// The service that does it, such as `orders`.
    pub queue: String,
    /// What is done, such as `export.write`.
    pub kind: String,
    /// Where it is in its life.
    pub status: JobStatus,
    /// How often it was begun.
    pub attempts: i32,
    /// How often it is begun at most.
    pub max_attempts: i32,
    /// When it is begun at the earliest, if it is queued.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When the latest attempt was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How far it is, if it says so.
    pub progress: Option<Progress>,
    /// Why the latest attempt failed, if it did.
    pub last_error: Option<String>,
    /// Whether people may cancel it.
    pub cancellable: bool,
    /// Whether somebody has.
    pub cancel_requested: bool,
    /// Seconds from one run to the next, if it recurs.
    pub every_seconds: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(Pg))]
struct JobRow {
    id: Uuid,
    queue: String,
    kind: String,
    status: String,
    attempts: i32,
    max_attempts: i32,
    due_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    progress_done: Option<i64>,
    progress_total: Option<i64>,
    last_error: Option<String>,
    cancellable: bool,
    cancel_requested: bool,
    every_seconds: Option<i64>,
}

impl TryFrom<JobRow> for JobRecord {
    type Error = DbError;

    fn try_from(row: JobRow) -> Result<Self, DbError> {
        // The column's CHECK knows the same five names.
        let status: JobStatus =
            row.status.parse().map_err(|unknown| DeserializationError(Box::new(unknown)))?;
        Ok(Self {
            id: row.id.into(),
            // A queue is called as the role of its service.
            queue: row.queue.strip_prefix("rowhouse_").unwrap_or(&row.queue).to_owned(),
            kind: row.kind,
            status,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            due_at: (status == JobStatus::Queued).then_some(row.due_at),
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            progress: row.progress_done.zip(row.progress_total).map(|(done, total)| Progress { done, total }),
            last_error: row.last_error,
            cancellable: row.cancellable,
            cancel_requested: row.cancel_requested,
            every_seconds: row.every_seconds,
        })
    }
}

/// Which jobs are listed, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ListJobs {
    /// At most so many.
    pub limit: i64,
    /// Only those that were enqueued before this one.
    pub before: Option<JobId>,
    /// Only those in this status.
    pub status: Option<JobStatus>,
}

/// The tenant's jobs, of all services.
pub async fn list_jobs(tx: &mut TenantTx, list: &ListJobs) -> Result<Vec<JobRecord>, DbError> {
    let mut query = of_tenant(jobs::table, tx.tenant())
        .select(JobRow::as_select())
        .order(jobs::id.desc())
        .limit(list.limit)
        .into_boxed();
    if let Some(before) = list.before {
        query = query.filter(jobs::id.lt(before.as_uuid()));
    }
    if let Some(status) = list.status {
        query = query.filter(jobs::status.eq(status.as_str()));
    }
    let rows: Vec<JobRow> = query.load(tx).await?;
    rows.into_iter().map(JobRecord::try_from).collect()
}

/// One of the tenant's jobs, of any service.
pub async fn find_job(tx: &mut TenantTx, id: JobId) -> Result<Option<JobRecord>, DbError> {
    let found: Option<JobRow> = of_tenant(jobs::table, tx.tenant())
        .filter(jobs::id.eq(id.as_uuid()))
        .select(JobRow::as_select())
        .first(tx)
        .await
        .optional()?;
    found.map(JobRecord::try_from).transpose()
}

/// Why a job is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The tenant has no such job.
    #[error("there is no such job")]
    NotFound,
    /// It is the system's own.
    #[error("jobs of this kind cannot be cancelled")]
    NotCancellable,
    /// It has ended otherwise.
    #[error("the job has ended: it is {0}")]
    Ended(JobStatus),
    /// The statement failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

#[derive(QueryableByName)]
struct Requested {
    #[diesel(sql_type = Bool)]
    requested: bool,
}

/// Has a job of any service be cancelled, which the onboarding service alone may. Its own service's worker ends it, so that
/// what the job was about is told as well: soon, if it waits; at its next transaction, if it runs.
pub async fn cancel_job(tx: &mut TenantTx, id: JobId) -> Result<JobRecord, CancelError> {
    let Requested { requested } = diesel::sql_query("SELECT jobs.cancel($1, $2) AS requested")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result(tx)
        .await
        .map_err(DbError::from)?;
    let job = find_job(tx, id).await?.ok_or(CancelError::NotFound)?;
    match job.status {
        _ if requested => Ok(job),
        JobStatus::Cancelled => Ok(job),
        _ if !job.cancellable => Err(CancelError::NotCancellable),
        status => Err(CancelError::Ended(status)),
    }
}
