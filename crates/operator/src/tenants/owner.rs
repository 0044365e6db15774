//! Working as the owner of everything.

use std::path::Path;

use rowhouse_tenancy::TenantId;
use tokio_postgres::{Client, GenericClient};

use super::TenantError;
use rowhouse_migrator::connect;

/// Connects as an administrator, who becomes `rowhouse_owner` for as long as the connection lasts. Row-level security binds
/// that role, which is made sure of.
pub async fn connect_as_owner(admin_url: &str, ca_file: Option<&Path>) -> Result<Client, TenantError> {
    let client = connect(admin_url, ca_file).await?;
    client.batch_execute("SET ROLE rowhouse_owner").await?;
    let bypasses = client
        .query_one(
            "SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
            &[],
        )
        .await?;
    if bypasses.try_get(0)? { Err(TenantError::Bypass) } else { Ok(client) }
}

/// Enters a tenant until the transaction ends, whatever its status: what an operator does is not stopped by what an operator
/// has done. Only the owner's own commands come in by this way; services have `tenancy.set_tenant_context` alone.
pub(crate) async fn enter(
    transaction: &impl GenericClient,
    tenant: TenantId,
) -> Result<(), tokio_postgres::Error> {
    transaction.batch_execute(&format!("SET LOCAL app.tenant_id = '{tenant}'")).await
}
