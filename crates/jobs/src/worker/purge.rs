//! Removing what ended long ago.

use std::time::Duration;

use rowhouse_tenancy::TenantDb;

use crate::Retention;
use crate::claim::purge;

/// How long jobs are kept after their end.
const KEEP: Duration = Duration::from_hours(30 * 24);
const INTERVAL: Duration = Duration::from_mins(10);
/// So many tenants in one transaction: until it ends, what they enqueue waits for it.
const AT_ONCE: i32 = 10;

/// Beside the work: a long history holds nobody's jobs up.
pub(super) async fn purge_regularly(db: TenantDb) {
    let batch = |()| async {
        let seen = db.global_tx("jobs.purge", async |tx| purge(tx, KEEP, AT_ONCE).await).await?;
        Ok((seen >= AT_ONCE).then_some(()))
    };
    Retention { name: "ended jobs", first: INTERVAL, every: INTERVAL }.sweep(batch).await;
}
