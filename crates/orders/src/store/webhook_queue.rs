//! The order in which deliveries in `orders.webhook_deliveries` are sent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx};
use uuid::Uuid;

use crate::domain::Part;

/// The next delivery with everything that is needed to send it.
#[derive(QueryableByName)]
pub(crate) struct NextDelivery {
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
    pub(crate) encrypted_secret: Vec<u8>,
    /// The previous secret, while both sign.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub(crate) previous_encrypted_secret: Option<Vec<u8>>,
    #[diesel(sql_type = Bool)]
    pub(crate) enabled: bool,
    /// The failures in a row.
    #[diesel(sql_type = Integer)]
    pub(crate) failure_count: i32,
    /// True if the endpoint's pause is over, or `None` if it is not paused.
    #[diesel(sql_type = Nullable<Bool>)]
    pub(crate) pause_is_over: Option<bool>,
    /// The trace of the request that the event follows from.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) trace_parent: Option<String>,
    /// The time at which it is due.
    #[diesel(sql_type = Timestamptz)]
    pub(crate) due_at: DateTime<Utc>,
    /// True if it is due now.
    #[diesel(sql_type = Bool)]
    pub(crate) is_due: bool,
}

/// Finds the delivery that is due first, by an index in each part. That one does not follow another of its order,
/// since those are due no sooner and have a higher version; but for a moment it may, so the query checks it.
const FIND_NEXT: &str = "
    SELECT d.id, d.webhook_endpoint_id, d.event_id, v.body, v.trace_parent, e.url, e.sealed_secret AS encrypted_secret,
        CASE WHEN e.previous_secret_expires_at > now()
            THEN e.previous_sealed_secret END AS previous_encrypted_secret,
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

/// Returns the delivery that is due first among those that are first of their order in the given parts of an
/// endpoint.
pub(crate) async fn find_next(
    tx: &mut TenantTx,
    endpoint: Uuid,
    parts: &[Part],
) -> Result<Option<NextDelivery>, DbError> {
    let parts: Vec<i32> = parts.iter().map(|part| part.number()).collect();
    Ok(diesel::sql_query(FIND_NEXT)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(endpoint)
        .bind::<Array<Integer>, _>(parts)
        .get_result(tx)
        .await
        .optional()?)
}
