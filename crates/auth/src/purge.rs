//! Removing what is of no use any more.

use std::time::Duration;

use rowhouse_tenancy::{DbError, TenantDb};
use tokio::time::sleep;
use uuid::Uuid;

use crate::store::allowances::purge_allowances;
use crate::store::attempts::{purge_attempts, purge_familiar};
use crate::store::expired::purge_expired;
use crate::store::one_time_tokens::purge_tokens;

const INTERVAL: Duration = Duration::from_hours(1);
/// How many rows go in one transaction.
const BATCH: i32 = 1_000;
/// How many tenants are looked at in one.
const TENANTS: i32 = 50;
/// How long the others have the database to themselves after each.
const PAUSE: Duration = Duration::from_millis(100);

/// Does it once an hour, in small pieces, beside everything else.
pub(crate) async fn purge_regularly(db: TenantDb) {
    loop {
        // At the very start as well: the first connection is for who asks whether the service is ready.
        sleep(PAUSE).await;
        for purged in [purge_global(&db).await, purge_tenants(&db).await] {
            if let Err(error) = purged {
                tracing::warn!(%error, "what has expired could not be removed: {error}");
            }
        }
        sleep(INTERVAL).await;
    }
}

/// Of what belongs to no tenant.
async fn purge_global(db: &TenantDb) -> Result<(), DbError> {
    let full = usize::try_from(BATCH).unwrap_or(usize::MAX);
    loop {
        let most = db.global_tx("auth.purge", async |tx| {
            let attempts = purge_attempts(tx, BATCH.into()).await?;
            let familiar = purge_familiar(tx, BATCH.into()).await?;
            let allowances = purge_allowances(tx, BATCH.into()).await?;
            let tokens = purge_tokens(tx, BATCH.into()).await?;
            Ok::<_, DbError>(attempts.max(familiar).max(allowances).max(tokens))
        });
        if most.await? < full {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

async fn purge_tenants(db: &TenantDb) -> Result<(), DbError> {
    let mut after = Some(Uuid::nil());
    while let Some(done) = after {
        let purged = async |tx: &mut _| purge_expired(tx, done, TENANTS, BATCH).await;
        after = db.global_tx("auth.purge_expired", purged).await?;
        sleep(PAUSE).await;
    }
    Ok(())
}
