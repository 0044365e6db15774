//! The row of a claimed job. Every statement names the lease, so a job that another worker has taken over is not
//! changed.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use serde_json::Value;

use crate::Class;
use crate::claim::ClaimedJob;
use crate::schema::jobs;

/// A job's payload and settings.
#[derive(QueryableByName)]
pub(crate) struct Task {
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = Jsonb)]
    pub(crate) payload: Value,
    /// The number of attempts, including this one.
    #[diesel(sql_type = Integer)]
    pub(crate) attempts: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) max_attempts: i32,
    #[diesel(sql_type = Bool)]
    pub(crate) cancel_requested: bool,
    /// The trace of the request that it follows from.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) trace_parent: Option<String>,
}

/// The state of a worker's lease on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseState {
    Kept,
    /// The lease is kept, but the cancellation of the job was requested.
    Cancelled,
    Lost,
}

/// Reads the job through a function. No role may read payloads from the table, since it holds the tenant's jobs of
/// all services.
pub(crate) async fn find_task(tx: &mut TenantTx, claimed: &ClaimedJob) -> Result<Option<Task>, DbError> {
    Ok(diesel::sql_query(
        "SELECT t.kind, t.payload, t.attempts, t.max_attempts, t.cancel_requested, j.trace_parent
         FROM jobs.task($1, $2, $3) t, jobs.jobs j WHERE j.tenant_id = $1 AND j.id = $2",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .get_result(tx)
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct LeaseRow {
    #[diesel(sql_type = Bool)]
    cancel_requested: bool,
}

/// Extends the lease. No other transaction can change the job until this one has ended.
pub(crate) async fn renew_lease(
    tx: &mut TenantTx,
    claimed: &ClaimedJob,
    lease: Duration,
) -> Result<LeaseState, DbError> {
    let held: Option<LeaseRow> = diesel::sql_query(
        "UPDATE jobs.jobs SET due_at = clock_timestamp() + make_interval(secs => $4)
         WHERE tenant_id = $1 AND id = $2 AND lease = $3 RETURNING cancel_requested",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .bind::<Double, _>(lease.as_secs_f64())
    .get_result(tx)
    .await
    .optional()?;
    Ok(match held {
        None => LeaseState::Lost,
        Some(LeaseRow { cancel_requested: true }) => LeaseState::Cancelled,
        Some(LeaseRow { cancel_requested: false }) => LeaseState::Kept,
    })
}

/// Marks the job as succeeded, or queues it again if it recurs or was enqueued meanwhile. Does nothing if its
/// cancellation was requested.
pub(crate) async fn succeed(tx: &mut TenantTx, claimed: &ClaimedJob) -> Result<LeaseState, DbError> {
    let ended = diesel::sql_query(
        "UPDATE jobs.jobs SET
             status = CASE WHEN again OR every_seconds IS NOT NULL THEN 'queued' ELSE 'succeeded' END,
             due_at = CASE WHEN again THEN clock_timestamp()
                 ELSE clock_timestamp() + make_interval(secs => coalesce(every_seconds, 0)) END,
             attempts = CASE WHEN again OR every_seconds IS NOT NULL THEN 0 ELSE attempts END,
             finished_at = CASE WHEN again OR every_seconds IS NOT NULL THEN NULL ELSE clock_timestamp() END,
             lease = NULL, again = false, last_error = NULL
         WHERE tenant_id = $1 AND id = $2 AND lease = $3 AND NOT cancel_requested",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .execute(tx)
    .await?;
    if ended == 1 {
        return Ok(LeaseState::Kept);
    }
    Ok(match find_task(tx, claimed).await? {
        Some(_) => LeaseState::Cancelled,
        None => LeaseState::Lost,
    })
}

/// Reschedules the job after a failure. If its cancellation was requested, it is due at once, so that it is cancelled.
pub(crate) async fn postpone(
    tx: &mut TenantTx,
    claimed: &ClaimedJob,
    delay: Duration,
    reason: &str,
) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE jobs.jobs SET status = 'queued', lease = NULL, last_error = $5,
             due_at = clock_timestamp() + make_interval(secs => CASE WHEN cancel_requested THEN 0 ELSE $4 END)
         WHERE tenant_id = $1 AND id = $2 AND lease = $3",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .bind::<Double, _>(delay.as_secs_f64())
    .bind::<Text, _>(reason)
    .execute(tx)
    .await?;
    Ok(())
}

/// Releases the job without counting the attempt.
pub(crate) async fn release(tx: &mut TenantTx, claimed: &ClaimedJob) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE jobs.jobs SET status = 'queued', lease = NULL, due_at = clock_timestamp(), attempts = attempts - 1
         WHERE tenant_id = $1 AND id = $2 AND lease = $3",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .execute(tx)
    .await?;
    Ok(())
}

/// Moves the job to the workers of another class without counting the attempt.
pub(crate) async fn move_to(tx: &mut TenantTx, claimed: &ClaimedJob, class: Class) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE jobs.jobs SET class = $4, status = 'queued', lease = NULL, due_at = clock_timestamp(),
             attempts = attempts - 1
         WHERE tenant_id = $1 AND id = $2 AND lease = $3",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .bind::<Text, _>(class.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks the job as dead; a recurring one only skips this run. Returns whether the job was this worker's.
pub(crate) async fn mark_dead(
    tx: &mut TenantTx,
    claimed: &ClaimedJob,
    reason: &str,
) -> Result<bool, DbError> {
    let marked = diesel::sql_query(
        "UPDATE jobs.jobs SET
             status = CASE WHEN every_seconds IS NULL THEN 'dead' ELSE 'queued' END,
             due_at = clock_timestamp() + make_interval(secs => coalesce(every_seconds, 0)),
             attempts = CASE WHEN every_seconds IS NULL THEN attempts ELSE 0 END,
             finished_at = CASE WHEN every_seconds IS NULL THEN clock_timestamp() END,
             lease = NULL, again = false, last_error = $4
         WHERE tenant_id = $1 AND id = $2 AND lease = $3",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .bind::<Text, _>(reason)
    .execute(tx)
    .await?;
    Ok(marked == 1)
}

/// Cancels the job if that was requested. Returns whether the job was this worker's.
pub(crate) async fn cancel(tx: &mut TenantTx, claimed: &ClaimedJob) -> Result<bool, DbError> {
    let cancelled = diesel::sql_query(
        "UPDATE jobs.jobs SET status = 'cancelled', lease = NULL, finished_at = clock_timestamp()
         WHERE tenant_id = $1 AND id = $2 AND lease = $3 AND cancel_requested",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .execute(tx)
    .await?;
    Ok(cancelled == 1)
}

/// Records the progress of the job.
pub(crate) async fn set_progress(
    tx: &mut TenantTx,
    claimed: &ClaimedJob,
    done: i64,
    total: i64,
) -> Result<(), DbError> {
    diesel::update(of_tenant(jobs::table, tx.tenant()))
        .filter(jobs::id.eq(claimed.id.as_uuid()).and(jobs::lease.eq(claimed.lease)))
        .set((jobs::progress_done.eq(done), jobs::progress_total.eq(total)))
        .execute(tx)
        .await?;
    Ok(())
}
