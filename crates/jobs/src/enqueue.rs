//! Enqueueing jobs in a transaction.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_chassis::telemetry::traceparent;
use rowhouse_tenancy::{DbError, TenantTx};
use uuid::Uuid;

use crate::job::Due;
use crate::{Job, JobId, NewJob};

/// The reason why a job was not enqueued. The transaction cannot be used any more, except after
/// [`EnqueueError::Json`].
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// The job cannot be serialized as JSON, for example a map whose keys are not texts.
    #[error("a job cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The statement failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<EnqueueError> for DbError {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Db(error) => error,
            EnqueueError::Json(error) => diesel::result::Error::SerializationError(Box::new(error)).into(),
        }
    }
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The insert keeps the due time of a job that waits for a retry and of a recurring one, unless `hurry` is set.
const INSERT: &str = "
    INSERT INTO jobs.jobs AS j
        (tenant_id, id, kind, payload, unique_key, due_at, max_attempts, every_seconds, cancellable, class,
         trace_parent)
    VALUES ($1, $2, $3, $4, $5, coalesce($6, now() + make_interval(secs => $7)), $8, $9, $10, $12, $13)
    ON CONFLICT (tenant_id, queue, unique_key) WHERE status IN ('queued', 'running') DO UPDATE SET
        again = j.again OR j.status = 'running',
        due_at = CASE
            WHEN j.status = 'queued' AND ($11 OR (j.attempts = 0 AND j.every_seconds IS NULL))
                THEN least(j.due_at, excluded.due_at)
            ELSE j.due_at
        END
    RETURNING j.id";

/// Enqueues a job in a tenant's transaction. It runs if the transaction is committed. Returns the job's id; for a
/// unique job that exists already, the id of that one.
///
/// The service's own workers run it: no service can enqueue for another.
pub async fn enqueue<J: Job>(tx: &mut TenantTx, new: NewJob<J>) -> Result<JobId, EnqueueError> {
    let NewJob { job, unique_key, due, every, hurry } = new;
    let payload = serde_json::to_value(&job)?;
    let (at, after) = match due {
        Due::Now => (None, 0.0),
        Due::After(delay) => (None, delay.as_secs_f64()),
        Due::At(moment) => (Some(moment), 0.0),
    };
    let every = every.map(|every| i64::try_from(every.as_secs().max(1)).unwrap_or(i64::MAX));
    // A recurring job is part of no request.
    let trace_parent = if every.is_none() { traceparent() } else { None };
    let tenant = tx.tenant();
    let kept: Kept = diesel::sql_query(INSERT)
        .bind::<SqlUuid, _>(tenant)
        .bind::<SqlUuid, _>(JobId::generate().as_uuid())
        .bind::<Text, _>(J::KIND)
        .bind::<Jsonb, _>(payload)
        .bind::<Nullable<Text>, _>(unique_key)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Double, _>(after)
        .bind::<Integer, _>(J::MAX_ATTEMPTS)
        .bind::<Nullable<BigInt>, _>(every)
        .bind::<Bool, _>(J::CANCELLABLE)
        .bind::<Bool, _>(hurry)
        .bind::<Text, _>(J::CLASS.as_str())
        .bind::<Nullable<Text>, _>(trace_parent)
        .get_result(tx)
        .await
        .map_err(DbError::from)?;
    Ok(kept.id.into())
}

/// Withdraws this service's unique job. A queued job is cancelled at once, a running one at its next transaction. The
/// handler is not notified of a job that was queued.
pub async fn withdraw(tx: &mut TenantTx, unique_key: &str) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE jobs.jobs SET cancel_requested = true,
             status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END,
             finished_at = CASE status WHEN 'queued' THEN clock_timestamp() END
         WHERE tenant_id = $1 AND queue = current_user AND unique_key = $2 AND status IN ('queued', 'running')",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(unique_key)
    .execute(tx)
    .await?;
    Ok(())
}
