//! The tenants of a run.

use std::collections::BTreeSet;

use rowhouse_tenancy::TenantId;
use tokio_postgres::Client;

use super::{Backfill, BackfillError};
use crate::tenants::find;

/// A tenant to be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillTarget {
    /// The tenant's id.
    pub id: TenantId,
    /// The tenant's slug.
    pub slug: String,
}

/// The tenants to be processed, and those that are completed.
pub(super) struct Plan {
    pub(super) targets: Vec<BackfillTarget>,
    /// The number of tenants that earlier runs completed.
    pub(super) completed: usize,
}

/// Returns the named tenants, or all, whatever their status, with the state of the ledger.
pub(super) async fn plan(
    owner: &mut Client,
    backfill: &Backfill,
    named: &[String],
) -> Result<Plan, BackfillError> {
    let mut wanted = BTreeSet::new();
    for slug_or_id in named {
        let tx = owner.transaction().await?;
        wanted.insert(find(&tx, slug_or_id).await?.id);
        tx.commit().await?;
    }
    let rows = owner
        .query(
            "SELECT t.id::text, t.slug, l.completed_at IS NOT NULL
             FROM tenancy.directory() t LEFT JOIN tenancy.backfill_ledger($1) l ON l.tenant_id = t.id
             ORDER BY t.id",
            &[&backfill.name],
        )
        .await?;
    let mut plan = Plan { targets: Vec::new(), completed: 0 };
    for row in rows {
        let id: String = row.try_get(0)?;
        let Ok(id) = id.parse() else { continue };
        if !named.is_empty() && !wanted.contains(&id) {
            continue;
        }
        if row.try_get(2)? {
            plan.completed += 1;
        } else {
            plan.targets.push(BackfillTarget { id, slug: row.try_get(1)? });
        }
    }
    Ok(plan)
}
