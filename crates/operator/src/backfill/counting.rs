//! Counting rows without changing them.

use rowhouse_tenancy::TenantId;

use super::TenantFailure;
use super::session::BackfillConnection;
use crate::tenants::enter;

/// Returns how many of a tenant's rows are still to be changed.
pub(super) async fn count(session: &mut BackfillConnection, tenant: TenantId) -> Result<u64, TenantFailure> {
    let tx = session.client.build_transaction().read_only(true).start().await?;
    enter(&tx, tenant).await?;
    let rows: i64 = tx.query_one(&session.count, &[&tenant.as_uuid()]).await?.try_get(0)?;
    tx.commit().await?;
    Ok(u64::try_from(rows).unwrap_or_default())
}
