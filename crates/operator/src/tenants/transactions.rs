//! Ending the transactions of a suspended tenant.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{Tenant, TenantError};

/// The time for transactions to end by themselves.
const GRACE: Duration = Duration::from_millis(300);
/// The time for terminated transactions to end.
const LIMIT: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(20);

/// A transaction: its server process and its number there.
type Transaction = (i32, String);

/// Ends all transactions in the suspended tenant. Returns how many had to be terminated.
pub(super) async fn end_transactions(admin: &mut Client, tenant: &Tenant) -> Result<usize, TenantError> {
    let begun = Instant::now();
    // Later transactions are refused, and appear here for a moment only.
    let before = transactions_in(admin, tenant).await?;
    let mut left = before.clone();
    while !left.is_empty() && begun.elapsed() < GRACE {
        sleep(INTERVAL).await;
        left = remaining(admin, tenant, &before).await?;
    }
    if left.is_empty() {
        return Ok(0);
    }
    let count = left.len();
    terminate(admin, tenant, &left).await?;
    let told = Instant::now();
    loop {
        left = remaining(admin, tenant, &before).await?;
        if left.is_empty() {
            return Ok(count);
        }
        if told.elapsed() > LIMIT {
            return Err(TenantError::StillRunning { slug: tenant.slug.clone(), processes: processes(&left) });
        }
        sleep(INTERVAL).await;
    }
}

async fn transactions_in(admin: &mut Client, tenant: &Tenant) -> Result<Vec<Transaction>, TenantError> {
    let tx = admin.transaction().await?;
    tx.batch_execute("SET LOCAL ROLE rowhouse_owner").await?;
    let query = "SELECT t.pid, t.transaction FROM tenancy.transactions_in($1::text::uuid) t";
    let rows = tx.query(query, &[&tenant.id.to_string()]).await?;
    tx.commit().await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn remaining(
    admin: &mut Client,
    tenant: &Tenant,
    before: &[Transaction],
) -> Result<Vec<Transaction>, TenantError> {
    let mut left = transactions_in(admin, tenant).await?;
    left.retain(|one| before.contains(one));
    Ok(left)
}

/// Terminates sessions as the administrator, since the owner may not. A process that has started another transaction,
/// perhaps another tenant's, is left alone. A failure for one does not prevent the others.
async fn terminate(admin: &Client, tenant: &Tenant, left: &[Transaction]) -> Result<(), TenantError> {
    let mut refused = Vec::new();
    for (pid, transaction) in left {
        let ended = admin
            .execute(
                "SELECT pg_catalog.pg_terminate_backend(f.pid) FROM (
                     SELECT DISTINCT l.pid FROM pg_catalog.pg_locks l
                     WHERE l.locktype = 'advisory' AND l.pid = $1 AND l.virtualtransaction = $2
                 ) AS f",
                &[pid, transaction],
            )
            .await;
        match ended {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => refused.push(*pid),
            Err(error) => return Err(error.into()),
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let role = admin.query_one("SELECT pg_catalog.quote_ident(current_user)", &[]).await?.try_get(0)?;
    Err(TenantError::MayNotEnd { slug: tenant.slug.clone(), processes: refused, role })
}

fn processes(transactions: &[Transaction]) -> Vec<i32> {
    transactions.iter().map(|(pid, _)| *pid).collect()
}
