//! Creating and removing what this service stores for each tenant.

use rowhouse_chassis::access::context;
use rowhouse_jobs::withdraw;
use rowhouse_proto::orders::v1::{
    SetUpTenantRequest, SetUpTenantResponse, TearDownTenantRequest, TearDownTenantResponse,
};
use tonic::Request;

use super::Rpc;
use crate::error::Error;
use crate::purge::{PURGE, purge_from_now_on};
use crate::store::number_series::{delete_series, ensure_series, is_provisioning};

/// Creates the series of order numbers and the job that deletes old idempotency keys. Repeating the call has no
/// effect.
pub(super) async fn set_up_tenant(
    rpc: &Rpc,
    request: &Request<SetUpTenantRequest>,
) -> Result<SetUpTenantResponse, Error> {
    let cx = context(request)?;
    rpc.db
        .tx(&cx, "orders.set_up_tenant", async |tx| {
            // A late call after a failed set-up leaves nothing behind.
            if is_provisioning(tx).await? {
                ensure_series(tx).await?;
                purge_from_now_on(tx).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(SetUpTenantResponse {})
}

/// Removes what `set_up_tenant` created. Does nothing for a tenant that is not in set-up any more.
pub(super) async fn tear_down_tenant(
    rpc: &Rpc,
    request: &Request<TearDownTenantRequest>,
) -> Result<TearDownTenantResponse, Error> {
    let cx = context(request)?;
    rpc.db
        .tx(&cx, "orders.tear_down_tenant", async |tx| {
            if is_provisioning(tx).await? {
                withdraw(tx, PURGE).await?;
                delete_series(tx).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(TearDownTenantResponse {})
}
