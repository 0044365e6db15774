//! The state of the backfills.

use std::path::Path;

use super::{ALL, Backfill, BackfillError};
use crate::tenants::connect_as_owner;

/// The state of a backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSummary {
    /// The backfill.
    pub backfill: Backfill,
    /// The number of tenants.
    pub tenants: i64,
    /// The number of completed tenants.
    pub completed: i64,
    /// The number of rows that were changed so far.
    pub changed_rows: i64,
}

/// Returns the state of each backfill. `admin_url` names a role that may become `rowhouse_owner`.
pub async fn summaries(admin_url: &str, ca_file: Option<&Path>) -> Result<Vec<LedgerSummary>, BackfillError> {
    let owner = connect_as_owner(admin_url, ca_file).await?;
    let mut summaries = Vec::new();
    for backfill in ALL {
        let row = owner
            .query_one(
                "SELECT (SELECT count(*) FROM tenancy.tenant_ids), count(l.completed_at), coalesce(sum(l.changed), 0)::bigint
                 FROM tenancy.backfill_ledger($1) l",
                &[&backfill.name],
            )
            .await?;
        summaries.push(LedgerSummary {
            backfill: *backfill,
            tenants: row.try_get(0)?,
            completed: row.try_get(1)?,
            changed_rows: row.try_get(2)?,
        });
    }
    Ok(summaries)
}
