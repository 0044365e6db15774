//! The lock that allows one migration at a time.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::{Instant, sleep};

use super::MigrateError;

const PAUSE: Duration = Duration::from_millis(200);

/// Takes a session lock on the connection that migrates. A statement that the server still executes after its client
/// was killed keeps the lock.
///
/// The lock is polled, since a transaction that waits in the server holds a snapshot, for which `CREATE INDEX
/// CONCURRENTLY` of the other session would wait in turn.
pub(super) async fn lock(
    conn: &mut AsyncPgConnection,
    limit: Duration,
    notice: fn(&str),
) -> Result<(), MigrateError> {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let lock = sql::<Bool>(
            "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('rowhouse migrate', 0))",
        );
        let taken = lock.get_result::<bool>(conn).await;
        if taken.map_err(|error| MigrateError::Refused(error.to_string()))? {
            return Ok(());
        }
        if begun.elapsed() >= limit {
            return Err(MigrateError::Busy(limit.as_secs()));
        }
        if !said {
            notice("another migration is running on this database; waiting for it");
            said = true;
        }
        sleep(PAUSE).await;
    }
}
