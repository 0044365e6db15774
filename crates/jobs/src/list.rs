//! Listing and cancelling a tenant's jobs, for its people.

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

/// The status of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// It waits for its first attempt or for a retry.
    Queued,
    /// It is running.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed for good.
    Dead,
    /// It was cancelled.
    Cancelled,
}

impl JobStatus {
    /// Returns the name in the table.
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

/// The error of parsing a text that is not a status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job's status is one of queued, running, succeeded, dead, cancelled")]
pub struct UnknownJobStatus;

impl FromStr for JobStatus {
    type Err = UnknownJobStatus;

    fn from_str(text: &str) -> Result<Self, UnknownJobStatus> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Dead, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownJobStatus)
    }
}

/// The progress of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The amount that is done.
    pub done: i64,
    /// The total amount.
    pub total: i64,
}

/// A job, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// The job's id.
    pub id: JobId,
    /// The name of the service that runs it, such as `orders`.
    pub queue: String,
    /// The kind, such as `export.write`.
    pub kind: String,
    /// The status.
    pub status: JobStatus,
    /// The number of attempts.
    pub attempts: i32,
    /// The largest number of attempts.
    pub max_attempts: i32,
    /// The time at which a queued job is due.
    pub due_at: Option<DateTime<Utc>>,
    /// The time at which it was enqueued.
    pub created_at: DateTime<Utc>,
    /// The time at which the latest attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// The time at which it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The progress, if the job reports it.
    pub progress: Option<Progress>,
    /// The reason why the latest attempt failed.
    pub last_error: Option<String>,
    /// True if the tenant's people may cancel it.
    pub cancellable: bool,
    /// True if its cancellation was requested.
    pub cancel_requested: bool,
    /// The seconds from one run to the next, for a recurring job.
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
        // The column's CHECK has the same five names.
        let status: JobStatus =
            row.status.parse().map_err(|unknown| DeserializationError(Box::new(unknown)))?;
        Ok(Self {
            id: row.id.into(),
            // The name of a queue is that of the service's role.
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

/// A query for jobs, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ListJobs {
    /// The largest number of jobs.
    pub limit: i64,
    /// Only jobs that were enqueued before this one.
    pub before: Option<JobId>,
    /// Only jobs with this status.
    pub status: Option<JobStatus>,
}

/// Returns the tenant's jobs, of all services.
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

/// Returns one of the tenant's jobs, of any service.
pub async fn find_job(tx: &mut TenantTx, id: JobId) -> Result<Option<JobRecord>, DbError> {
    let found: Option<JobRow> = of_tenant(jobs::table, tx.tenant())
        .filter(jobs::id.eq(id.as_uuid()))
        .select(JobRow::as_select())
        .first(tx)
        .await
        .optional()?;
    found.map(JobRecord::try_from).transpose()
}

/// The reason why a job cannot be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The tenant has no such job.
    #[error("there is no such job")]
    NotFound,
    /// It is an internal job of the system.
    #[error("jobs of this kind cannot be cancelled")]
    NotCancellable,
    /// It has already ended.
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

/// Requests the cancellation of a job of any service, which only a role that may execute `jobs.cancel` can do. The job's own service
/// ends it and notifies the handler: a queued job soon, a running one at its next transaction.
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
