//! The tables `orders.order_events`, `orders.webhook_deliveries` and `orders.webhook_attempts`, as the workers see them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use hyper::StatusCode;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::Order;
use crate::schema::{order_events, webhook_attempts, webhook_deliveries, webhook_endpoints};
use crate::webhooks::{EventType, MAX_ATTEMPTS};

/// What has happened to an order.
pub(crate) struct NewEvent<'a> {
    pub(crate) id: Uuid,
    pub(crate) event: EventType,
    /// As it is after it.
    pub(crate) order: &'a Order,
    /// What is sent.
    pub(crate) body: String,
}

/// Both in one statement, so that a change of an order takes one round trip more for it.
const INSERT_EVENT: &str = "
    WITH event AS (
        INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
        VALUES ($1, $2, $3, $4, $5, $6)
    )
    INSERT INTO orders.webhook_deliveries
        (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left)
    SELECT $1, d.id, d.endpoint, $2, $3, $4, $7 FROM unnest($8, $9) AS d (id, endpoint)";

/// Writes an event, and a delivery of it to each of the endpoints.
pub(crate) async fn insert_event(
    tx: &mut TenantTx,
    new: &NewEvent<'_>,
    endpoints: &[Uuid],
) -> Result<(), DbError> {
    let deliveries: Vec<Uuid> = endpoints.iter().map(|_| Uuid::now_v7()).collect();
    let tenant = tx.tenant();
    diesel::sql_query(INSERT_EVENT)
        .bind::<SqlUuid, _>(tenant)
        .bind::<SqlUuid, _>(new.id)
        .bind::<SqlUuid, _>(new.order.id.as_uuid())
        .bind::<BigInt, _>(new.order.version)
        .bind::<Text, _>(new.event.as_str())
        .bind::<Text, _>(&new.body)
        .bind::<Integer, _>(MAX_ATTEMPTS)
        .bind::<Array<SqlUuid>, _>(deliveries)
        .bind::<Array<SqlUuid>, _>(endpoints)
        .execute(tx)
        .await?;
    Ok(())
}

/// The delivery that is next, and what is needed for it.
#[derive(Queryable)]
pub(crate) struct Next {
    pub(crate) id: Uuid,
    pub(crate) webhook_endpoint_id: Uuid,
    pub(crate) event_id: Uuid,
    pub(crate) body: String,
    pub(crate) url: String,
    pub(crate) sealed_secret: Vec<u8>,
    pub(crate) enabled: bool,
    /// When it is to be tried.
    pub(crate) due_at: DateTime<Utc>,
    /// Whether that is by now.
    pub(crate) is_due: bool,
}

/// Of what is pending, what has happened first.
pub(crate) async fn find_next(
    tx: &mut TenantTx,
    endpoint: Uuid,
    order: Uuid,
) -> Result<Option<Next>, DbError> {
    let next_attempt_at = webhook_deliveries::next_attempt_at.assume_not_null();
    Ok(of_tenant(webhook_deliveries::table, tx.tenant())
        .inner_join(
            webhook_endpoints::table.on(webhook_endpoints::tenant_id
                .eq(webhook_deliveries::tenant_id)
                .and(webhook_endpoints::id.eq(webhook_deliveries::webhook_endpoint_id))),
        )
        .inner_join(
            order_events::table.on(order_events::tenant_id
                .eq(webhook_deliveries::tenant_id)
                .and(order_events::id.eq(webhook_deliveries::event_id))),
        )
        .filter(webhook_deliveries::webhook_endpoint_id.eq(endpoint))
        .filter(webhook_deliveries::order_id.eq(order))
        .filter(webhook_deliveries::state.eq("pending"))
        .filter(webhook_endpoints::deleted_at.is_null())
        .order(webhook_deliveries::order_version)
        .select((
            webhook_deliveries::id,
            webhook_deliveries::webhook_endpoint_id,
            webhook_deliveries::event_id,
            order_events::body,
            webhook_endpoints::url,
            webhook_endpoints::sealed_secret,
            webhook_endpoints::enabled,
            next_attempt_at,
            next_attempt_at.le(dsl::now),
        ))
        .first(tx)
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
    diesel::sql_query(
        "UPDATE orders.webhook_deliveries SET
             state = $3, attempt_count = attempt_count + 1, attempts_left = $4,
             next_attempt_at = clock_timestamp() + make_interval(secs => $5),
             finished_at = CASE WHEN $5 IS NULL THEN clock_timestamp() END
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(state)
    .bind::<Integer, _>(attempts_left)
    .bind::<diesel::sql_types::Nullable<Double>, _>(delay)
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

/// Gives up what is pending for an endpoint and an order, and says why in each one's log.
pub(crate) async fn fail_pending(
    tx: &mut TenantTx,
    endpoint: Uuid,
    order: Uuid,
    reason: &str,
) -> Result<(), DbError> {
    let failed: Vec<Uuid> = diesel::update(of_tenant(webhook_deliveries::table, tx.tenant()))
        .filter(webhook_deliveries::webhook_endpoint_id.eq(endpoint))
        .filter(webhook_deliveries::order_id.eq(order))
        .filter(webhook_deliveries::state.eq("pending"))
        .set((
            webhook_deliveries::state.eq("failed"),
            webhook_deliveries::attempt_count.eq(webhook_deliveries::attempt_count + 1),
            webhook_deliveries::next_attempt_at.eq(None::<DateTime<Utc>>),
            webhook_deliveries::finished_at.eq(dsl::now),
        ))
        .returning(webhook_deliveries::id)
        .load(tx)
        .await?;
    let attempt = Attempt {
        attempted_at: Utc::now(),
        http_status: None,
        error: Some(reason.to_owned()),
        duration_ms: 0,
    };
    for delivery in failed {
        insert_attempt(tx, delivery, &attempt).await?;
    }
    Ok(())
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
