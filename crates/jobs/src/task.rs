//! One job's row, for as long as its claim holds. Every statement names the claim: what has become another's is not
//! touched.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Jsonb, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use serde_json::Value;

use crate::Class;
use crate::claim::Claimed;
use crate::schema::jobs;

/// What is to be done.
#[derive(QueryableByName)]
pub(crate) struct Task {
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = Jsonb)]
    pub(crate) payload: Value,
    /// How often it was begun, this time included.
    #[diesel(sql_type = Integer)]
    pub(crate) attempts: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) max_attempts: i32,
    #[diesel(sql_type = Bool)]
    pub(crate) cancel_requested: bool,
}

/// Whether the job is still ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Kept,
    /// It is, and is to be cancelled.
    Cancelled,
    Lost,
}

/// Through a function: what jobs are about is granted to nobody, since a tenant's jobs of all services are in one table.
pub(crate) async fn find_task(tx: &mut TenantTx, claimed: &Claimed) -> Result<Option<Task>, DbError> {
    Ok(diesel::sql_query(
        "SELECT kind, payload, attempts, max_attempts, cancel_requested FROM jobs.task($1, $2, $3)",
    )
    .bind::<SqlUuid, _>(claimed.tenant)
    .bind::<SqlUuid, _>(claimed.id.as_uuid())
    .bind::<SqlUuid, _>(claimed.lease)
    .get_result(tx)
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Bool)]
    cancel_requested: bool,
}

/// Prolongs the claim. Until the transaction ends, nobody else can touch the job.
pub(crate) async fn hold(tx: &mut TenantTx, claimed: &Claimed, lease: Duration) -> Result<Hold, DbError> {
    let held: Option<Held> = diesel::sql_query(
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
        None => Hold::Lost,
        Some(Held { cancel_requested: true }) => Hold::Cancelled,
        Some(Held { cancel_requested: false }) => Hold::Kept,
    })
}

/// Ends the job well, or queues it again if it recurs or was enqueued meanwhile. A job that is to be cancelled is not
/// ended so.
pub(crate) async fn succeed(tx: &mut TenantTx, claimed: &Claimed) -> Result<Hold, DbError> {
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
        return Ok(Hold::Kept);
    }
    Ok(match find_task(tx, claimed).await? {
        Some(_) => Hold::Cancelled,
        None => Hold::Lost,
    })
}

/// Puts the job off.
pub(crate) async fn postpone(
    tx: &mut TenantTx,
    claimed: &Claimed,
    delay: Duration,
    reason: &str,
) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE jobs.jobs SET status = 'queued', lease = NULL, last_error = $5,
             due_at = clock_timestamp() + make_interval(secs => $4)
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

/// Gives the job back, as if it had not been begun.
pub(crate) async fn give_back(tx: &mut TenantTx, claimed: &Claimed) -> Result<(), DbError> {
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

/// Has the job be done by the workers of another class, as if it had not been begun.
pub(crate) async fn move_to(tx: &mut TenantTx, claimed: &Claimed, class: Class) -> Result<(), DbError> {
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

/// Gives the job up; one that recurs only leaves this run out. Whether it was ours.
pub(crate) async fn bury(tx: &mut TenantTx, claimed: &Claimed, reason: &str) -> Result<bool, DbError> {
    let buried = diesel::sql_query(
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
    Ok(buried == 1)
}

/// Ends the job as cancelled, if that was asked for. Whether it was ours.
pub(crate) async fn cancel(tx: &mut TenantTx, claimed: &Claimed) -> Result<bool, DbError> {
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

/// Writes down how far it is.
pub(crate) async fn set_progress(
    tx: &mut TenantTx,
    claimed: &Claimed,
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
