//! The health of endpoints in `orders.webhook_endpoints`: failures, pauses, and the reason for which they were
//! disabled.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::schema::webhook_endpoints;

/// The failures of an endpoint, including the latest one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failures {
    /// The number before it.
    before: i32,
    /// The number in a row, including it.
    pub(crate) failure_count: i32,
    failing_since: DateTime<Utc>,
    pub(crate) paused: bool,
    /// The database's time.
    pub(crate) now: DateTime<Utc>,
}

impl Failures {
    /// Returns the time since the first of them.
    pub(crate) fn failing_for(&self) -> Duration {
        (self.now - self.failing_since).to_std().unwrap_or_default()
    }
}

/// Returns the endpoint's failures including one more, or `None` if the endpoint is deleted. While it is paused, only
/// the failure of the `probe` counts, since deliveries that were under way prove nothing new.
pub(crate) async fn find_failures(
    tx: &mut TenantTx,
    id: Uuid,
    probe: bool,
) -> Result<Option<Failures>, DbError> {
    type Found = (i32, Option<DateTime<Utc>>, bool, DateTime<Utc>);
    let found: Option<Found> = of_tenant(webhook_endpoints::table, tx.tenant())
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::deleted_at.is_null())
        .select((
            webhook_endpoints::failure_count,
            webhook_endpoints::failing_since,
            webhook_endpoints::paused_until.is_not_null(),
            diesel::dsl::now.into_sql::<Timestamptz>(),
        ))
        .first(tx)
        .await
        .optional()?;
    Ok(found.map(|(before, failing_since, paused, now)| Failures {
        before,
        failure_count: before.saturating_add(i32::from(probe || !paused)),
        failing_since: failing_since.unwrap_or(now),
        paused,
        now,
    }))
}

/// Stores an endpoint's failures and the end of its pause, if there is one. Does nothing if a delivery has succeeded
/// since they were read.
pub(crate) async fn save_failures(
    tx: &mut TenantTx,
    id: Uuid,
    failures: &Failures,
    paused_until: Option<DateTime<Utc>>,
) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::failure_count.eq(failures.before))
        .set((
            webhook_endpoints::failure_count.eq(failures.failure_count),
            webhook_endpoints::failing_since.eq(failures.failing_since),
            // `None` leaves it unchanged.
            paused_until.map(|until| webhook_endpoints::paused_until.eq(until)),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Clears the failures, and ends the pause if `resume` is set.
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

/// Sets the end of a pause to now, if there is one.
pub(crate) async fn try_now(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .filter(webhook_endpoints::paused_until.is_not_null())
        .set(webhook_endpoints::paused_until.eq(diesel::dsl::now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the end of an endpoint's pause, if it is paused, and locks it until the transaction ends.
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

/// Ends a pause without clearing the failures.
pub(crate) async fn end_pause(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::id.eq(id))
        .set(webhook_endpoints::paused_until.eq(None::<DateTime<Utc>>))
        .execute(tx)
        .await?;
    Ok(())
}

/// Disables an endpoint for a reason: its receiver requested it, or has not accepted anything for days. The tenant's
/// audit log records it, and administrators get an email.
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
    // Auth has the tenant's audit log and the addresses of its people.
    diesel::sql_query("SELECT jobs.report_disabled_endpoint($1, $2, $3)")
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(reason)
        .execute(tx)
        .await?;
    Ok(())
}
