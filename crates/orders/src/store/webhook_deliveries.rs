//! The tables `orders.webhook_deliveries` and `orders.webhook_attempts`, for sending.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use hyper::StatusCode;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::Part;
use crate::schema::{webhook_attempts, webhook_deliveries, webhook_endpoints};

/// An attempt, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryAttempt {
    pub(crate) attempted_at: DateTime<Utc>,
    /// The status of the answer, if there was one.
    pub(crate) http_status: Option<StatusCode>,
    /// The reason why it does not count as delivered, or `None`.
    pub(crate) error: Option<String>,
    /// The time until the answer.
    pub(crate) duration_ms: i64,
}

/// The status of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    Delivered,
    Failed,
    Retry { delay: Duration },
}

/// Locks a pending delivery until the transaction ends, and returns the number of attempts left.
pub(crate) async fn lock_pending(tx: &mut TenantTx, id: Uuid) -> Result<Option<i32>, DbError> {
    Ok(of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::id.eq(id))
        .filter(webhook_deliveries::state.eq("pending"))
        .select(webhook_deliveries::attempts_left)
        .for_no_key_update()
        .first(tx)
        .await
        .optional()?)
}

/// Records the result of an attempt.
pub(crate) async fn update_pending(
    tx: &mut TenantTx,
    id: Uuid,
    attempts_left: i32,
    outcome: DeliveryOutcome,
) -> Result<(), DbError> {
    let (status, delay) = match outcome {
        DeliveryOutcome::Delivered => ("delivered", None),
        DeliveryOutcome::Failed => ("failed", None),
        DeliveryOutcome::Retry { delay } => ("pending", Some(delay.as_secs_f64())),
    };
    // Deliveries that follow it become due no sooner, so that they are not read before.
    diesel::sql_query(
        "WITH following AS (
             UPDATE orders.webhook_deliveries f
             SET next_attempt_at = greatest(f.next_attempt_at, clock_timestamp() + make_interval(secs => $5))
             FROM orders.webhook_deliveries d
             WHERE d.tenant_id = $1 AND d.id = $2 AND f.tenant_id = $1
                 AND f.webhook_endpoint_id = d.webhook_endpoint_id AND f.order_id = d.order_id
                 AND f.order_version > d.order_version AND f.state = 'pending' AND $5 IS NOT NULL
         )
         UPDATE orders.webhook_deliveries SET
             state = $3, attempt_count = attempt_count + 1, attempts_left = $4,
             next_attempt_at = clock_timestamp() + make_interval(secs => $5),
             finished_at = CASE WHEN $5 IS NULL THEN clock_timestamp() END
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(status)
    .bind::<Integer, _>(attempts_left)
    .bind::<Nullable<Double>, _>(delay)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn insert_attempt(
    tx: &mut TenantTx,
    delivery: Uuid,
    attempt: &DeliveryAttempt,
) -> Result<(), DbError> {
    diesel::insert_into(webhook_attempts::table)
        .values((
            webhook_attempts::tenant_id.eq(tx.tenant()),
            webhook_attempts::id.eq(Uuid::now_v7()),
            webhook_attempts::delivery_id.eq(delivery),
            webhook_attempts::attempted_at.eq(attempt.attempted_at),
            webhook_attempts::http_status.eq(attempt.http_status.map(|status| i32::from(status.as_u16()))),
            webhook_attempts::error.eq(attempt.error.as_deref()),
            webhook_attempts::duration_ms.eq(attempt.duration_ms),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Fails any number of deliveries in one statement.
const FAIL_PENDING: &str = "
    WITH failed AS (
        UPDATE orders.webhook_deliveries SET
            state = 'failed', attempt_count = attempt_count + 1, next_attempt_at = NULL, finished_at = now()
        WHERE tenant_id = $1 AND id IN (
            SELECT w.id FROM orders.webhook_deliveries w
            WHERE w.tenant_id = $1 AND w.webhook_endpoint_id = $2 AND w.state = 'pending'
                AND w.part = $3
            ORDER BY w.next_attempt_at, w.order_version LIMIT cardinality($4)
        )
        RETURNING id
    )
    INSERT INTO orders.webhook_attempts (tenant_id, id, delivery_id, attempted_at, error, duration_ms)
    SELECT $1, attempt.id, delivery.id, now(), $5, 0
    FROM (SELECT id, row_number() OVER () AS place FROM failed) AS delivery
    JOIN unnest($4) WITH ORDINALITY AS attempt (id, place) USING (place)";

/// Fails at most `limit` pending deliveries of an endpoint in a part, with the reason in each one's log.
pub(crate) async fn fail_pending(
    tx: &mut TenantTx,
    endpoint: Uuid,
    part: Part,
    reason: &str,
    limit: usize,
) -> Result<usize, DbError> {
    let attempts: Vec<Uuid> = std::iter::repeat_with(Uuid::now_v7).take(limit).collect();
    Ok(diesel::sql_query(FAIL_PENDING)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(endpoint)
        .bind::<Integer, _>(part.number())
        .bind::<Array<SqlUuid>, _>(attempts)
        .bind::<Text, _>(reason)
        .execute(tx)
        .await?)
}

/// Fails one delivery, with the reason in its log.
pub(crate) async fn fail_next(tx: &mut TenantTx, id: Uuid, reason: &str) -> Result<(), DbError> {
    update_pending(tx, id, 0, DeliveryOutcome::Failed).await?;
    let not_sent = DeliveryAttempt {
        attempted_at: Utc::now(),
        http_status: None,
        error: Some(reason.to_owned()),
        duration_ms: 0,
    };
    insert_attempt(tx, id, &not_sent).await
}

/// Deletes at most `limit` deliveries that ended before, with their attempts, and returns their number. Deliveries
/// that are being written to are left for the next time.
pub(crate) async fn delete_finished(
    tx: &mut TenantTx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, DbError> {
    let old = of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::finished_at.lt(before))
        .order(webhook_deliveries::finished_at)
        .limit(limit)
        .select(webhook_deliveries::id)
        .for_update()
        .skip_locked();
    let old: Vec<Uuid> = old.load(tx).await?;
    delete_deliveries(tx, &old).await
}

/// Deletes at most `limit` deliveries to deleted endpoints, ended or not.
pub(crate) async fn delete_of_deleted(tx: &mut TenantTx, limit: i64) -> Result<usize, DbError> {
    let endpoints = of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::deleted_at.is_not_null())
        .select(webhook_endpoints::id);
    let orphans: Vec<Uuid> = of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::webhook_endpoint_id.eq_any(endpoints))
        .limit(limit)
        .select(webhook_deliveries::id)
        .for_update()
        .skip_locked()
        .load(tx)
        .await?;
    delete_deliveries(tx, &orphans).await
}

async fn delete_deliveries(tx: &mut TenantTx, ids: &[Uuid]) -> Result<usize, DbError> {
    Ok(diesel::delete(of_tenant(webhook_deliveries::table, tx.tenant()))
        .filter(webhook_deliveries::id.eq_any(ids))
        .execute(tx)
        .await?)
}
