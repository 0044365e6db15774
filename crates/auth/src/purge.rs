//! The deletion of expired data.

use std::time::Duration;

use rowhouse_jobs::Retention;
use rowhouse_tenancy::{DbError, TenantDb};
use uuid::Uuid;

use crate::args::RetentionArgs;
use crate::store::allowances::purge_allowances;
use crate::store::attempts::{purge_attempts, purge_familiar};
use crate::store::expired::{purge_expired, purge_identities, purge_operator_actions, purge_usage};
use crate::store::one_time_tokens::purge_tokens;

/// The delay of the first purge. At the start, the first connection belongs to the readiness check.
const FIRST: Duration = Duration::from_millis(100);
const INTERVAL: Duration = Duration::from_hours(1);
const DAILY: Duration = Duration::from_hours(24);
/// The number of rows in one transaction.
const BATCH: i32 = 1_000;
/// The number of people that are looked at in one transaction. Deleting one reads all memberships and sessions, by which foreign keys
/// refer to people and no index does.
const PEOPLE: i32 = 20;
/// The number of tenants in one transaction.
const TENANTS: i32 = 50;

/// Deletes expired data once an hour, in small pieces, and people without a tenant and old usage once a day.
pub(crate) async fn purge_regularly(db: TenantDb, keep: RetentionArgs) {
    let retention = |name| Retention { name, first: FIRST, every: INTERVAL };
    let global = retention("expired data without a tenant").sweep(|()| purge_global(&db, keep));
    let tenants = retention("expired data of tenants").sweep(|after| purge_tenants(&db, after, keep));
    let daily = |name| Retention { every: DAILY, ..retention(name) };
    let people = daily("people without a tenant").sweep(|after| purge_people(&db, after, keep));
    let usage = daily("old usage").sweep(|after| purge_old_usage(&db, after, keep));
    tokio::join!(global, tenants, people, usage);
}

/// Deletes expired data without a tenant.
async fn purge_global(db: &TenantDb, keep: RetentionArgs) -> Result<Option<()>, DbError> {
    let full = usize::try_from(BATCH).unwrap_or(usize::MAX);
    let most = db.global_tx("auth.purge", async |tx| {
        let attempts = purge_attempts(tx, BATCH.into()).await?;
        let familiar = purge_familiar(tx, BATCH.into()).await?;
        let allowances = purge_allowances(tx, BATCH.into()).await?;
        let tokens = purge_tokens(tx, BATCH.into()).await?;
        let actions = purge_operator_actions(tx, keep.operator_actions, BATCH).await?;
        Ok::<_, DbError>(attempts.max(familiar).max(allowances).max(tokens).max(actions))
    });
    Ok((most.await? >= full).then_some(()))
}

/// Deletes expired data of some tenants after this one, and returns the last one, if there are more.
async fn purge_tenants(db: &TenantDb, after: Uuid, keep: RetentionArgs) -> Result<Option<Uuid>, DbError> {
    let purged = async |tx: &mut _| purge_expired(tx, after, TENANTS, BATCH, keep.audit_log).await;
    db.global_tx("auth.purge_expired", purged).await
}

/// Deletes some people after this one who are in no tenant, and returns the last one that was looked at, if there are more.
async fn purge_people(db: &TenantDb, after: Uuid, keep: RetentionArgs) -> Result<Option<Uuid>, DbError> {
    let purged = async |tx: &mut _| purge_identities(tx, after, PEOPLE, keep.identities).await;
    db.global_tx("auth.purge_identities", purged).await
}

/// Deletes old days of the usage of some tenants after this one, and returns the last one, if there are more.
async fn purge_old_usage(db: &TenantDb, after: Uuid, keep: RetentionArgs) -> Result<Option<Uuid>, DbError> {
    db.global_tx("auth.purge_usage", async |tx: &mut _| purge_usage(tx, after, TENANTS, keep.usage).await)
        .await
}
