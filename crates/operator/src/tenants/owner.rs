//! Connections as the owner.

use std::path::Path;

use rowhouse_tenancy::TenantId;
use tokio_postgres::{Client, GenericClient};

use super::TenantError;
use rowhouse_migrator::connect;

/// Connects as an administrator, who becomes `rowhouse_owner` for the lifetime of the connection. Fails unless
/// row-level security applies to that role.
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

/// Enters a tenant until the transaction ends, whatever its status, so that operators can work in suspended tenants.
/// Only the owner's commands use this; services have `tenancy.set_tenant_context` only.
pub(crate) async fn enter(
    transaction: &impl GenericClient,
    tenant: TenantId,
) -> Result<(), tokio_postgres::Error> {
    transaction.batch_execute(&format!("SET LOCAL app.tenant_id = '{tenant}'")).await
}
