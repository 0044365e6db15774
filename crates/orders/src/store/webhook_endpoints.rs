//! The table `orders.webhook_endpoints`. Deleted endpoints are not shown, and their rows are deleted after their
//! deliveries.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, OfTenant, TenantId, TenantTx, lock_count, of_tenant};
use uuid::Uuid;

use crate::domain::{EventType, Events, Target};
use crate::schema::{webhook_deliveries, webhook_endpoints};

/// An endpoint as its tenant sees it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints, check_for_backend(Pg))]
pub(crate) struct Endpoint {
    pub(crate) id: Uuid,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) enabled: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) failing_since: Option<DateTime<Utc>>,
    pub(crate) paused_until: Option<DateTime<Utc>>,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) previous_secret_expires_at: Option<DateTime<Utc>>,
}

/// A change of an endpoint. Absent fields stay.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EndpointChange {
    pub(crate) target: Option<Target>,
    pub(crate) events: Option<Events>,
    pub(crate) enabled: Option<bool>,
}

#[derive(AsChangeset)]
#[diesel(table_name = webhook_endpoints)]
struct ChangeRow<'a> {
    url: Option<&'a str>,
    events: Option<&'a [&'static str]>,
    enabled: Option<bool>,
}

/// The reset of an endpoint's failures and pause.
#[derive(AsChangeset, Default)]
#[diesel(table_name = webhook_endpoints, treat_none_as_null = true)]
struct NewStart {
    failure_count: i32,
    failing_since: Option<DateTime<Utc>>,
    paused_until: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
}

impl EndpointChange {
    /// Returns whether the change invalidates what is known about the endpoint's failures.
    pub(crate) const fn is_a_new_start(&self) -> bool {
        self.target.is_some() || self.enabled.is_some()
    }
}

/// Returns the ids of the endpoints that subscribe to an event, as a column for any statement, so that they cost no
/// round trip.
pub(super) fn listeners(tenant: TenantId, event: EventType) -> dsl::array<SqlUuid, listening> {
    dsl::array(listening(tenant, event.subscriptions()))
}

#[dsl::auto_type]
fn listening(tenant: TenantId, names: Vec<&'static str>) -> _ {
    let endpoints: OfTenant<webhook_endpoints::table> = of_tenant(webhook_endpoints::table, tenant);
    endpoints
        .filter(webhook_endpoints::enabled)
        .filter(webhook_endpoints::events.overlaps_with(names))
        .select(webhook_endpoints::id)
}

/// Returns the number of endpoints. Other transactions of the tenant that call this wait until this one ends.
pub(crate) async fn count_endpoints(tx: &mut TenantTx) -> Result<i64, DbError> {
    lock_count(tx, "orders.webhook_endpoints").await?;
    Ok(of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::deleted_at.is_null())
        .count()
        .get_result(tx)
        .await?)
}

pub(crate) async fn insert_endpoint(
    tx: &mut TenantTx,
    id: Uuid,
    target: &Target,
    events: &Events,
    encrypted_secret: &[u8],
) -> Result<Endpoint, DbError> {
    Ok(diesel::insert_into(webhook_endpoints::table)
        .values((
            webhook_endpoints::tenant_id.eq(tx.tenant()),
            webhook_endpoints::id.eq(id),
            webhook_endpoints::url.eq(target.as_str()),
            webhook_endpoints::events.eq(events.as_slice()),
            webhook_endpoints::sealed_secret.eq(encrypted_secret),
        ))
        .returning(Endpoint::as_returning())
        .get_result(tx)
        .await?)
}

/// Returns endpoints, newest first, one more than the page's size if there are as many. `before`: only older ones.
pub(crate) async fn list_endpoints(
    tx: &mut TenantTx,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Endpoint>, DbError> {
    let mut query = of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::deleted_at.is_null())
        .select(Endpoint::as_select())
        .order(webhook_endpoints::id.desc())
        .limit(page.size.and_one())
        .into_boxed();
    if let Some(id) = page.after {
        query = query.filter(webhook_endpoints::id.lt(id));
    }
    Ok(query.load(tx).await?)
}

pub(crate) async fn find_endpoint(tx: &mut TenantTx, id: Uuid) -> Result<Option<Endpoint>, DbError> {
    Ok(of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::deleted_at.is_null())
        .select(Endpoint::as_select())
        .first(tx)
        .await
        .optional()?)
}

pub(crate) async fn update_endpoint(
    tx: &mut TenantTx,
    id: Uuid,
    change: &EndpointChange,
) -> Result<Option<Endpoint>, DbError> {
    let new_start = change.is_a_new_start().then(NewStart::default);
    let EndpointChange { target, events, enabled } = change;
    let change = ChangeRow {
        url: target.as_ref().map(Target::as_str),
        events: events.as_ref().map(Events::as_slice),
        enabled: *enabled,
    };
    Ok(diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::deleted_at.is_null())
        .set((change, new_start, webhook_endpoints::updated_at.eq(dsl::now)))
        .returning(Endpoint::as_returning())
        .get_result(tx)
        .await
        .optional()?)
}

/// Deletes an endpoint and returns whether it existed.
pub(crate) async fn delete_endpoint(tx: &mut TenantTx, id: Uuid) -> Result<bool, DbError> {
    let deleted = diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::deleted_at.is_null())
        .set((webhook_endpoints::enabled.eq(false), webhook_endpoints::deleted_at.eq(dsl::now)))
        .execute(tx)
        .await?;
    Ok(deleted == 1)
}

/// Deletes the rows of at most `limit` endpoints that were deleted before and have no deliveries any more, and
/// returns their number.
pub(crate) async fn delete_deleted(
    tx: &mut TenantTx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, DbError> {
    let deliveries = of_tenant(webhook_deliveries::table, tx.tenant())
        .filter(webhook_deliveries::webhook_endpoint_id.eq(webhook_endpoints::id));
    let long_gone: Vec<Uuid> = of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::deleted_at.lt(before))
        .filter(dsl::not(dsl::exists(deliveries)))
        .limit(limit)
        .select(webhook_endpoints::id)
        .load(tx)
        .await?;
    // Deleted endpoints get no new deliveries.
    Ok(diesel::delete(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq_any(long_gone))
        .execute(tx)
        .await?)
}
