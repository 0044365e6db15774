//! Deletion of old jobs.

use std::time::Duration;

use rowhouse_tenancy::TenantDb;

use crate::Retention;
use crate::claim::purge;

/// The time for which ended jobs are kept.
const KEEP: Duration = Duration::from_hours(30 * 24);
const INTERVAL: Duration = Duration::from_mins(10);
/// The number of tenants in one transaction, which delays enqueueing for them until it ends.
const AT_ONCE: i32 = 10;

/// Deletes old jobs in the background, so that a long history delays no job.
pub(super) async fn purge_regularly(db: TenantDb) {
    let batch = |()| async {
        let seen = db.global_tx("jobs.purge", async |tx| purge(tx, KEEP, AT_ONCE).await).await?;
        Ok((seen >= AT_ONCE).then_some(()))
    };
    Retention { name: "ended jobs", first: INTERVAL, every: INTERVAL }.sweep(batch).await;
}
