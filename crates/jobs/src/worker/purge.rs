//! Removing what ended long ago.

use std::time::Duration;

use rowhouse_tenancy::TenantDb;
use tokio::time::sleep;

use crate::claim::purge;

/// How long jobs are kept after their end.
const KEEP: Duration = Duration::from_hours(30 * 24);
const INTERVAL: Duration = Duration::from_mins(10);
/// So many tenants in one transaction: until it ends, what they enqueue waits for it.
const AT_ONCE: i32 = 10;

/// Again and again, beside the work: a long history holds nobody's jobs up.
pub(super) async fn purge_regularly(db: TenantDb) {
    loop {
        sleep(INTERVAL).await;
        loop {
            match db.global_tx("jobs.purge", async |tx| purge(tx, KEEP, AT_ONCE).await).await {
                Ok(AT_ONCE..) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "ended jobs could not be removed: {error}");
                    break;
                }
            }
        }
    }
}
