//! Processing one tenant, and its row in the ledger.

use std::time::Duration;

use rowhouse_tenancy::TenantId;
use tokio::time::sleep;
use tokio_postgres::{Error, Row};

use super::error::is_contention;
use super::session::BackfillConnection;
use super::{Backfill, TenantFailure};
use crate::tenants::enter;

/// The number of attempts for a contended transaction.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The result of one transaction.
pub(super) enum Batch {
    /// There may be more; this many rows were changed.
    More(u64),
    /// These were the last rows.
    Last(u64),
    /// Another run has completed the tenant.
    Completed,
}

/// Runs one transaction, which reads the ledger, runs a batch, and updates the ledger. `first`: it also counts the
/// rows.
pub(super) async fn batch(
    session: &mut BackfillConnection,
    backfill: &Backfill,
    tenant: TenantId,
    limit: i64,
    first: bool,
) -> Result<Batch, TenantFailure> {
    let mut attempt = 1;
    loop {
        match attempt_batch(session, backfill, tenant, limit, first).await? {
            Ok(batch) => return Ok(batch),
            Err(error) if attempt < ATTEMPTS => {
                tracing::debug!(%error, tenant.id = %tenant, "tried again");
                sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
                attempt += 1;
            }
            Err(error) => return Err(TenantFailure::Contended { attempts: ATTEMPTS, reason: error.into() }),
        }
    }
}

/// Makes one attempt. The inner error may be retried.
async fn attempt_batch(
    session: &mut BackfillConnection,
    backfill: &Backfill,
    tenant: TenantId,
    limit: i64,
    first: bool,
) -> Result<Result<Batch, Error>, TenantFailure> {
    match transaction(session, backfill, tenant, limit, first).await {
        Ok(outcome) => outcome.map(Ok),
        Err(error) if is_contention(&error) => Ok(Err(error)),
        Err(error) => Err(error.into()),
    }
}

async fn transaction(
    session: &mut BackfillConnection,
    backfill: &Backfill,
    tenant: TenantId,
    limit: i64,
    first: bool,
) -> Result<Result<Batch, TenantFailure>, Error> {
    let BackfillConnection { client, count, batch, register, lock, expect, advance } = session;
    let (id, name) = (tenant.as_uuid(), backfill.name);
    let tx = client.transaction().await?;
    enter(&tx, tenant).await?;
    if first {
        tx.execute(&*register, &[&id, &name]).await?;
    }
    // Two concurrent runs take turns.
    let Some(found) = tx.query_opt(&*lock, &[&id, &name]).await? else {
        return Ok(Err(TenantFailure::NoLedger));
    };
    if Entry::read(&found)?.completed {
        return Ok(Ok(Batch::Completed));
    }
    if first {
        let left: i64 = tx.query_one(&*count, &[&id]).await?.try_get(0)?;
        tx.execute(&*expect, &[&id, &name, &left]).await?;
    }
    let changed = tx.execute(&*batch, &[&id, &limit]).await?;
    // The ledger is updated in any case, so the numbers reveal a batch that has left the tenant.
    enter(&tx, tenant).await?;
    let more = i64::try_from(changed).unwrap_or(i64::MAX);
    let last = more < limit;
    let Some(written) = tx.query_opt(&*advance, &[&id, &name, &more, &last]).await? else {
        return Ok(Err(TenantFailure::NoLedger));
    };
    let Entry { expected, changed: in_all, completed } = Entry::read(&written)?;
    if in_all > expected {
        // The batch would continue forever with rows that are never done. This one is rolled back.
        return Ok(Err(TenantFailure::Difference { expected, changed: in_all }));
    }
    tx.commit().await?;
    Ok(match (last, completed) {
        (false, _) => Ok(Batch::More(changed)),
        (true, true) => Ok(Batch::Last(changed)),
        (true, false) => Err(TenantFailure::Difference { expected, changed: in_all }),
    })
}

/// The tenant's row in the ledger.
struct Entry {
    expected: i64,
    changed: i64,
    completed: bool,
}

impl Entry {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self { expected: row.try_get(0)?, changed: row.try_get(1)?, completed: row.try_get(2)? })
    }
}
