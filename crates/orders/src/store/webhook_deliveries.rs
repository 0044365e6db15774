//! The tables `orders.order_events`, `orders.webhook_deliveries` and `orders.webhook_attempts`, as the workers see them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Bytea, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use hyper::StatusCode;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::Order;
use crate::schema::{order_events, webhook_attempts, webhook_deliveries, webhook_endpoints};
use crate::webhooks::{EventType, MAX_ATTEMPTS, Part};

/// Something that is told to endpoints.
pub(crate) struct NewEvent<'a> {
    pub(crate) id: Uuid,
    pub(crate) event: EventType,
    /// As it is after it; nothing for a test.
    pub(crate) order: Option<&'a Order>,
    /// What is sent.
    pub(crate) body: String,
}

impl NewEvent<'_> {
    /// What is told of the same is told in sequence. A test is by itself.
    pub(crate) fn sequence(&self) -> Uuid {
        self.order.map_or(self.id, |order| order.id.as_uuid())
    }
}

/// Both in one statement, so that a change of an order takes one round trip more for it.
const INSERT_EVENT: &str = "
    WITH event AS (
        INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
        VALUES ($1, $2, $3, $4, $5, $6)
    )
    INSERT INTO orders.webhook_deliveries
        (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left, part)
    SELECT $1, d.id, d.endpoint, $2, $10, $4, $7, $11 FROM unnest($8, $9) AS d (id, endpoint)";

/// Writes an event, and a delivery of it to each of the endpoints. The deliveries' ids, in the order of the endpoints.
pub(crate) async fn insert_event(
    tx: &mut TenantTx,
    new: &NewEvent<'_>,
    endpoints: &[Uuid],
) -> Result<Vec<Uuid>, DbError> {
    let deliveries: Vec<Uuid> = endpoints.iter().map(|_| Uuid::now_v7()).collect();
    let tenant = tx.tenant();
    diesel::sql_query(INSERT_EVENT)
        .bind::<SqlUuid, _>(tenant)
        .bind::<SqlUuid, _>(new.id)
        .bind::<Nullable<SqlUuid>, _>(new.order.map(|order| order.id.as_uuid()))
        .bind::<BigInt, _>(new.order.map_or(0, |order| order.version))
        .bind::<Text, _>(new.event.as_str())
        .bind::<Text, _>(&new.body)
        .bind::<Integer, _>(MAX_ATTEMPTS)
        .bind::<Array<SqlUuid>, _>(&deliveries)
        .bind::<Array<SqlUuid>, _>(endpoints)
        .bind::<SqlUuid, _>(new.sequence())
        .bind::<Integer, _>(Part::of(new.sequence()).number())
        .execute(tx)
        .await?;
    Ok(deliveries)
}

/// The delivery that is next, and what is needed for it.
#[derive(QueryableByName)]
pub(crate) struct Next {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub(crate) webhook_endpoint_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub(crate) event_id: Uuid,
    #[diesel(sql_type = Text)]
    pub(crate) body: String,
    #[diesel(sql_type = Text)]
    pub(crate) url: String,
    #[diesel(sql_type = Bytea)]
    pub(crate) sealed_secret: Vec<u8>,
    /// The one before, while both sign.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub(crate) previous_sealed_secret: Option<Vec<u8>>,
    #[diesel(sql_type = Bool)]
    pub(crate) enabled: bool,
    /// Failures in a row.
    #[diesel(sql_type = Integer)]
    pub(crate) failure_count: i32,
    /// If the endpoint is paused: whether it is to be tried by now.
    #[diesel(sql_type = Nullable<Bool>)]
    pub(crate) pause_is_over: Option<bool>,
    /// When it is to be tried.
    #[diesel(sql_type = Timestamptz)]
    pub(crate) due_at: DateTime<Utc>,
    /// Whether that is by now.
    #[diesel(sql_type = Bool)]
    pub(crate) is_due: bool,
}

/// An index has in each part what is due first.
const FIND_NEXT: &str = "
    SELECT d.id, d.webhook_endpoint_id, d.event_id, v.body, e.url, e.sealed_secret,
        CASE WHEN e.previous_secret_expires_at > now() THEN e.previous_sealed_secret END AS previous_sealed_secret,
        e.enabled, e.failure_count, e.paused_until <= now() AS pause_is_over,
        d.next_attempt_at AS due_at, d.next_attempt_at <= now() AS is_due
    FROM unnest($3) AS p (part)
    CROSS JOIN LATERAL (
        SELECT w.* FROM orders.webhook_deliveries w
        WHERE w.tenant_id = $1 AND w.webhook_endpoint_id = $2 AND w.state = 'pending'
            AND w.part = p.part
            AND NOT EXISTS (
                SELECT FROM orders.webhook_deliveries b
                WHERE b.tenant_id = $1 AND b.webhook_endpoint_id = $2 AND b.order_id = w.order_id
                    AND b.order_version < w.order_version AND b.state = 'pending'
            )
        ORDER BY w.next_attempt_at, w.order_version LIMIT 1
    ) AS d
    JOIN orders.webhook_endpoints e ON e.tenant_id = $1 AND e.id = d.webhook_endpoint_id
    JOIN orders.order_events v ON v.tenant_id = $1 AND v.id = d.event_id
    WHERE e.deleted_at IS NULL
    ORDER BY d.next_attempt_at LIMIT 1";

/// Of what is pending for an endpoint in the parts, and goes before all else of its order, what is due first.
pub(crate) async fn find_next(
    tx: &mut TenantTx,
    endpoint: Uuid,
    parts: &[Part],
) -> Result<Option<Next>, DbError> {
    let parts: Vec<i32> = parts.iter().map(|part| part.number()).collect();
    Ok(diesel::sql_query(FIND_NEXT)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(endpoint)
        .bind::<Array<Integer>, _>(parts)
        .get_result(tx)
        .await
        .optional()?)
}

/// One attempt, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) attempted_at: DateTime<Utc>,
    /// Of the answer, if there was one.
    pub(crate) http_status: Option<StatusCode>,
    /// Why it does not count as delivered; nothing when it does.
    pub(crate) error: Option<String>,
    /// Until the answer.
    pub(crate) duration_ms: i64,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    Failed,
    PutOff { delay: Duration },
}

/// How many attempts a delivery has left, if it is still pending. Nobody else changes it until the transaction ends.
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

/// Writes down what an attempt came to.
pub(crate) async fn update_pending(
    tx: &mut TenantTx,
    id: Uuid,
    attempts_left: i32,
    outcome: Outcome,
) -> Result<(), DbError> {
    let (state, delay) = match outcome {
        Outcome::Delivered => ("delivered", None),
        Outcome::Failed => ("failed", None),
        Outcome::PutOff { delay } => ("pending", Some(delay.as_secs_f64())),
    };
    // What follows it is due no sooner, so that it is not looked at before.
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
    .bind::<Text, _>(state)
    .bind::<Integer, _>(attempts_left)
    .bind::<Nullable<Double>, _>(delay)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn insert_attempt(
    tx: &mut TenantTx,
    delivery: Uuid,
    attempt: &Attempt,
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

const FAIL_PENDING: &str = "
    UPDATE orders.webhook_deliveries SET
        state = 'failed', attempt_count = attempt_count + 1, next_attempt_at = NULL, finished_at = now()
    WHERE tenant_id = $1 AND id IN (
        SELECT w.id FROM orders.webhook_deliveries w
        WHERE w.tenant_id = $1 AND w.webhook_endpoint_id = $2 AND w.state = 'pending'
            AND w.part = $3
        ORDER BY w.next_attempt_at, w.order_version LIMIT $4
    )
    RETURNING id";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Gives up what is pending for an endpoint in a part, `limit` at most, and says why in each one's log.
pub(crate) async fn fail_pending(
    tx: &mut TenantTx,
    endpoint: Uuid,
    part: Part,
    reason: &str,
    limit: i64,
) -> Result<(), DbError> {
    let failed: Vec<Id> = diesel::sql_query(FAIL_PENDING)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(endpoint)
        .bind::<Integer, _>(part.number())
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await?;
    for Id { id } in failed {
        insert_attempt(tx, id, &not_sent(reason)).await?;
    }
    Ok(())
}

/// Gives up one delivery, and says why in its log.
pub(crate) async fn fail_next(tx: &mut TenantTx, id: Uuid, reason: &str) -> Result<(), DbError> {
    update_pending(tx, id, 0, Outcome::Failed).await?;
    insert_attempt(tx, id, &not_sent(reason)).await
}

/// An attempt that was none.
fn not_sent(reason: &str) -> Attempt {
    Attempt { attempted_at: Utc::now(), http_status: None, error: Some(reason.to_owned()), duration_ms: 0 }
}

/// Removes deliveries that ended before, with their attempts; `limit` at most. How many.
pub(crate) async fn delete_finished(
    tx: &mut TenantTx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, DbError> {
    let old = of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::finished_at.lt(before))
        .order(webhook_deliveries::finished_at)
        .limit(limit)
        .select(webhook_deliveries::id);
    let old: Vec<Uuid> = old.load(tx).await?;
    delete_deliveries(tx, &old).await
}

/// The same for those to deleted endpoints, ended or not.
pub(crate) async fn delete_of_deleted(tx: &mut TenantTx, limit: i64) -> Result<usize, DbError> {
    let endpoints = of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::deleted_at.is_not_null())
        .select(webhook_endpoints::id);
    let orphans: Vec<Uuid> = of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::webhook_endpoint_id.eq_any(endpoints))
        .limit(limit)
        .select(webhook_deliveries::id)
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

/// Removes events of before that nobody is told of any more; `limit` at most. How many.
pub(crate) async fn delete_events(
    tx: &mut TenantTx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, DbError> {
    let deliveries = of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::event_id.eq(order_events::id));
    let old: Vec<Uuid> = of_tenant(order_events::table, tx.tenant())
        .filter(order_events::created_at.lt(before))
        .filter(dsl::not(dsl::exists(deliveries)))
        .limit(limit)
        .select(order_events::id)
        .load(tx)
        .await?;
    Ok(diesel::delete(of_tenant(order_events::table, tx.tenant()))
        .filter(order_events::id.eq_any(old))
        .execute(tx)
        .await?)
}
