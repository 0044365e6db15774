//! The tables `orders.webhook_deliveries` and `orders.webhook_attempts`, as the tenant sees them.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Record, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, OfTenant, TenantId, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::MAX_DELIVERY_ATTEMPTS;
use crate::schema::{order_events, webhook_attempts, webhook_deliveries, webhook_endpoints};

/// The number of attempts that are shown of a delivery.
const SHOWN_ATTEMPTS: i64 = 10;

type AttemptColumns = (
    webhook_attempts::attempted_at,
    webhook_attempts::http_status,
    webhook_attempts::error,
    webhook_attempts::duration_ms,
);
type AttemptRecord = Record<(Timestamptz, Nullable<Integer>, Nullable<Text>, BigInt)>;

/// The time, the answer's status, the error, and the duration in milliseconds.
pub(crate) type LoggedAttempt = (DateTime<Utc>, Option<i32>, Option<String>, i64);

/// A delivery as its tenant sees it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) webhook_endpoint_id: Uuid,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: String,
    /// `None` for a test.
    pub(crate) order_id: Option<Uuid>,
    pub(crate) status: String,
    pub(crate) attempt_count: i32,
    pub(crate) next_attempt_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// The attempts, latest first.
    pub(crate) attempts: Vec<LoggedAttempt>,
}

/// A filter of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryFilter {
    pub(crate) endpoint: Option<Uuid>,
    pub(crate) status: Option<&'static str>,
}

/// Returns the attempts of a delivery as a column of its row.
fn attempts(tenant: TenantId) -> dsl::array<AttemptRecord, of_delivery> {
    dsl::array(of_delivery(tenant))
}

#[dsl::auto_type]
fn of_delivery(tenant: TenantId) -> _ {
    let attempts: OfTenant<webhook_attempts::table> = of_tenant(webhook_attempts::table, tenant);
    let shown: i64 = SHOWN_ATTEMPTS;
    let columns: dsl::AsExprOf<AttemptColumns, AttemptRecord> =
        AttemptColumns::default().into_sql::<AttemptRecord>();
    attempts
        .filter(webhook_attempts::delivery_id.eq(webhook_deliveries::id))
        .order(webhook_attempts::id.desc())
        .limit(shown)
        .select(columns)
}

/// Selects the visible columns of deliveries to endpoints that are not deleted.
macro_rules! shown {
    ($tenant:expr) => {
        of_tenant(webhook_deliveries::table, $tenant)
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
            .filter(webhook_endpoints::deleted_at.is_null())
            .select((
                webhook_deliveries::id,
                webhook_deliveries::webhook_endpoint_id,
                webhook_deliveries::event_id,
                order_events::type_,
                order_events::order_id,
                webhook_deliveries::state,
                webhook_deliveries::attempt_count,
                webhook_deliveries::next_attempt_at,
                webhook_deliveries::created_at,
                webhook_deliveries::finished_at,
                attempts($tenant),
            ))
    };
}

/// Returns endpoints, newest first, one more than the page's size if there are as many. `before`: only older ones.
pub(crate) async fn list_deliveries(
    tx: &mut TenantTx,
    filter: &DeliveryFilter,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Delivery>, DbError> {
    let mut query =
        shown!(tx.tenant()).order(webhook_deliveries::id.desc()).limit(page.size.and_one()).into_boxed();
    if let Some(endpoint) = filter.endpoint {
        query = query.filter(webhook_deliveries::webhook_endpoint_id.eq(endpoint));
    }
    if let Some(status) = filter.status {
        query = query.filter(webhook_deliveries::state.eq(status));
    }
    if let Some(id) = page.after {
        query = query.filter(webhook_deliveries::id.lt(id));
    }
    Ok(query.load(tx).await?)
}

pub(crate) async fn find_delivery(tx: &mut TenantTx, id: Uuid) -> Result<Option<Delivery>, DbError> {
    Ok(shown!(tx.tenant()).filter(webhook_deliveries::id.eq(id)).first(tx).await.optional()?)
}

/// Makes the earlier pending deliveries of the same order to the same endpoint due now.
pub(crate) async fn make_earlier_due(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE orders.webhook_deliveries e SET next_attempt_at = least(e.next_attempt_at, now())
         FROM orders.webhook_deliveries d
         WHERE d.tenant_id = $1 AND d.id = $2 AND e.tenant_id = $1
             AND e.webhook_endpoint_id = d.webhook_endpoint_id AND e.order_id = d.order_id
             AND e.order_version < d.order_version AND e.state = 'pending'",
    )
    .bind::<diesel::sql_types::Uuid, _>(tx.tenant())
    .bind::<diesel::sql_types::Uuid, _>(id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Resets a delivery to pending without attempts, due now.
pub(crate) async fn reset_delivery(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_deliveries::table, tx.tenant()))
        .filter(webhook_deliveries::id.eq(id))
        .set((
            webhook_deliveries::state.eq("pending"),
            webhook_deliveries::attempts_left.eq(MAX_DELIVERY_ATTEMPTS),
            webhook_deliveries::next_attempt_at.eq(dsl::now),
            webhook_deliveries::finished_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(tx)
        .await?;
    Ok(())
}
