//! The deletion of what sign-ups leave.

use std::time::Duration;

use rowhouse_jobs::Retention;
use rowhouse_tenancy::{DbError, TenantDb};
use uuid::Uuid;

use crate::store::expired::{purge_keys, purge_onboardings};

/// The delay of the first purge. At the start, the first connection belongs to the readiness check.
const FIRST: Duration = Duration::from_millis(100);
const EVERY: Duration = Duration::from_hours(24);
/// The number of keys in one transaction.
const BATCH: i32 = 1_000;
/// The number of tenants in one transaction.
const TENANTS: i32 = 200;

/// Deletes records of set-ups that have ended, and keys of sign-ups, that are older than so many days, once a day in small pieces.
pub(crate) async fn purge_regularly(db: TenantDb, days: i32) {
    let retention = |name| Retention { name, first: FIRST, every: EVERY };
    let records = retention("records of set-ups").sweep(|after| purge_records(&db, after, days));
    let keys = retention("keys of sign-ups").sweep(|()| purge_old_keys(&db, days));
    tokio::join!(records, keys);
}

async fn purge_records(db: &TenantDb, after: Uuid, days: i32) -> Result<Option<Uuid>, DbError> {
    let purged = async |tx: &mut _| purge_onboardings(tx, after, TENANTS, days).await;
    db.global_tx("onboarding.purge_onboardings", purged).await
}

async fn purge_old_keys(db: &TenantDb, days: i32) -> Result<Option<()>, DbError> {
    let purged = async |tx: &mut _| purge_keys(tx, days, BATCH).await;
    Ok((db.global_tx("onboarding.purge_keys", purged).await? >= BATCH).then_some(()))
}
