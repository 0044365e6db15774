//! The table `orders.order_events`, and the creation of deliveries in `orders.webhook_deliveries`.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_chassis::telemetry::traceparent;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::{EventType, MAX_DELIVERY_ATTEMPTS, Order, Part};
use crate::schema::{order_events, webhook_deliveries};

/// An event for endpoints.
pub(crate) struct NewEvent<'a> {
    pub(crate) id: Uuid,
    pub(crate) event: EventType,
    /// The order after the event, or `None` for a test.
    pub(crate) order: Option<&'a Order>,
    /// The body that is sent.
    pub(crate) body: String,
}

impl NewEvent<'_> {
    /// Returns the id that puts events in sequence: those of one order are sent one after the other, and a test is separate.
    pub(crate) fn sequence(&self) -> Uuid {
        self.order.map_or(self.id, |order| order.id.as_uuid())
    }
}

/// Inserts both in one statement, so that they cost a change of an order one round trip. A delivery is due no sooner
/// than an earlier one of its order, so the first one in the index of due deliveries never has to wait for another.
const INSERT_EVENT: &str = "
    WITH event AS (
        INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body, trace_parent)
        VALUES ($1, $2, $3, $4, $5, $6, $12)
    )
    INSERT INTO orders.webhook_deliveries
        (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left, part, next_attempt_at)
    SELECT $1, d.id, d.endpoint, $2, $10, $4, $7, $11, greatest(now(), (
        SELECT b.next_attempt_at FROM orders.webhook_deliveries b
        WHERE b.tenant_id = $1 AND b.webhook_endpoint_id = d.endpoint AND b.order_id = $10
            AND b.order_version < $4 AND b.state = 'pending'
        ORDER BY b.order_version DESC LIMIT 1
    ))
    FROM unnest($8, $9) AS d (id, endpoint)";

/// Inserts an event and a delivery of it to each endpoint. Returns the deliveries' ids, in the order of the
/// endpoints.
///
/// The endpoints' jobs must be enqueued before, which waits for a worker that is rescheduling earlier deliveries.
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
        .bind::<Integer, _>(MAX_DELIVERY_ATTEMPTS)
        .bind::<Array<SqlUuid>, _>(&deliveries)
        .bind::<Array<SqlUuid>, _>(endpoints)
        .bind::<SqlUuid, _>(new.sequence())
        .bind::<Integer, _>(Part::of(new.sequence()).number())
        .bind::<Nullable<Text>, _>(traceparent())
        .execute(tx)
        .await?;
    Ok(deliveries)
}

/// Deletes at most `limit` old events without deliveries and returns their number.
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
