//! How the endpoints of `orders.webhook_endpoints` do: what has failed, and what is paused or disabled for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::schema::webhook_endpoints;

/// What is known of an endpoint after one more failure.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub(crate) struct Failures {
    /// In a row.
    #[diesel(sql_type = Integer)]
    pub(crate) failure_count: i32,
    #[diesel(sql_type = Double)]
    seconds: f64,
    #[diesel(sql_type = Bool)]
    pub(crate) paused: bool,
}

impl Failures {
    /// Since the first of them.
    pub(crate) fn failing_for(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }
}

/// Counts a failure; nothing when the endpoint is deleted. While it is paused, only the one that is sent to see whether it is
/// back counts: what was under way before says nothing new.
pub(crate) async fn count_failure(
    tx: &mut TenantTx,
    id: Uuid,
    probe: bool,
) -> Result<Option<Failures>, DbError> {
    Ok(diesel::sql_query(
        "UPDATE orders.webhook_endpoints SET
             failure_count = failure_count + CASE WHEN paused_until IS NULL OR $3 THEN 1 ELSE 0 END,
             failing_since = coalesce(failing_since, clock_timestamp())
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
         RETURNING failure_count, paused_until IS NOT NULL AS paused,
             extract(epoch FROM clock_timestamp() - failing_since)::double precision AS seconds",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Bool, _>(probe)
    .get_result(tx)
    .await
    .optional()?)
}

/// Forgets the failures, and with `resume` ends the pause.
pub(crate) async fn forget_failures(tx: &mut TenantTx, id: Uuid, resume: bool) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE orders.webhook_endpoints SET failure_count = 0, failing_since = NULL,
             paused_until = CASE WHEN $3 THEN NULL ELSE paused_until END
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Bool, _>(resume)
    .execute(tx)
    .await?;
    Ok(())
}

/// Has nothing be sent to an endpoint for so long. Until when that is.
pub(crate) async fn pause(tx: &mut TenantTx, id: Uuid, pause: Duration) -> Result<DateTime<Utc>, DbError> {
    let until =
        diesel::dsl::sql::<diesel::sql_types::Timestamptz>("clock_timestamp() + make_interval(secs => ")
            .bind::<Double, _>(pause.as_secs_f64())
            .sql(")");
    Ok(diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .set(webhook_endpoints::paused_until.eq(until.nullable()))
        .returning(webhook_endpoints::paused_until.assume_not_null())
        .get_result(tx)
        .await?)
}

/// Ends the time of a pause, if there is one.
pub(crate) async fn try_now(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::paused_until.is_not_null())
        .set(webhook_endpoints::paused_until.eq(diesel::dsl::now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Until when an endpoint is paused, if it is. Until the transaction ends, nobody pauses it or ends the pause.
pub(crate) async fn lock_pause(tx: &mut TenantTx, id: Uuid) -> Result<Option<DateTime<Utc>>, DbError> {
    let found: Option<Option<DateTime<Utc>>> = of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::deleted_at.is_null())
        .select(webhook_endpoints::paused_until)
        .for_no_key_update()
        .first(tx)
        .await
        .optional()?;
    Ok(found.flatten())
}

/// Ends a pause. That the endpoint fails is not forgotten.
pub(crate) async fn end_pause(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .set(webhook_endpoints::paused_until.eq(None::<DateTime<Utc>>))
        .execute(tx)
        .await?;
    Ok(())
}

/// Disables an endpoint for the reason: its receiver wants it so, or takes nothing any more. The tenant's log says so, and its
/// administrators get an email.
pub(crate) async fn disable(tx: &mut TenantTx, id: Uuid, reason: &'static str) -> Result<(), DbError> {
    let disabled = diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::deleted_at.is_null())
        .filter(webhook_endpoints::enabled)
        .set((
            webhook_endpoints::enabled.eq(false),
            webhook_endpoints::disabled_reason.eq(reason),
            webhook_endpoints::paused_until.eq(None::<DateTime<Utc>>),
            webhook_endpoints::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx)
        .await?;
    if disabled == 0 {
        // Another attempt or a person was faster.
        return Ok(());
    }
    // Auth has the tenant's log and its people's addresses.
    diesel::sql_query("SELECT jobs.report_disabled_endpoint($1, $2, $3)")
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(reason)
        .execute(tx)
        .await?;
    Ok(())
}
