//! Writing down what the tenants used.

use std::time::Duration;

use rowhouse_tenancy::TenantDb;
use tokio::time::{sleep, timeout};

/// The interval at which usage is written. What a process that is killed has not written yet is lost.
const INTERVAL: Duration = Duration::from_mins(1);
/// The time limit at the end of the process.
const LAST: Duration = Duration::from_secs(1);

/// Writes usage again and again.
pub(super) async fn record_regularly(db: TenantDb) {
    loop {
        sleep(INTERVAL).await;
        if let Err(error) = db.flush_usage().await {
            tracing::warn!(%error, "usage could not be written, and is written later: {error}");
        }
    }
}

/// Writes the rest, after the last call.
pub(super) async fn record_rest(db: &TenantDb) {
    match timeout(LAST, db.flush_usage()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last usage could not be written: {error}"),
        Err(_elapsed) => tracing::warn!("the last usage could not be written in time"),
    }
}
