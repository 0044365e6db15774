//! Suspending a tenant, and resuming it.

use tokio_postgres::Client;

use super::transactions::end_transactions;
use super::{Reason, Tenant, TenantError, find};

/// A tenant that nobody can enter any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// Which one.
    pub tenant: Tenant,
    /// How many transactions that had begun before were ended.
    pub ended_transactions: usize,
}

/// Lets nobody into a tenant any more, whatever tokens they have, and ends what had begun before. When this returns, no
/// transaction of a service is in the tenant. `admin` may be in the role that migrates, and ends other roles' sessions.
///
/// A tenant that is suspended already stays so, and what is still in it is ended all the same.
pub async fn suspend(
    admin: &mut Client,
    slug_or_id: &str,
    reason: &Reason,
) -> Result<Suspended, TenantError> {
    let outcome = change(admin, slug_or_id, reason, &SUSPEND).await?;
    let tenant = match &outcome {
        Ok(tenant) | Err(tenant) => tenant,
    };
    if outcome.is_err() && tenant.status != SUSPEND.to {
        return Err(TenantError::NotActive { slug: tenant.slug.clone(), status: tenant.status.clone() });
    }
    let ended_transactions = end_transactions(admin, tenant).await?;
    match outcome {
        Ok(tenant) => Ok(Suspended { tenant, ended_transactions }),
        Err(tenant) => Err(TenantError::Suspended(tenant.slug)),
    }
}

/// Lets everybody in again, by the tokens that they have. Its jobs go on.
pub async fn resume(admin: &mut Client, slug_or_id: &str, reason: &Reason) -> Result<Tenant, TenantError> {
    let refused = |Tenant { slug, status, .. }| TenantError::NotSuspended { slug, status };
    change(admin, slug_or_id, reason, &RESUME).await?.map_err(refused)
}

/// A change of status, and what the audit log calls it.
struct Change {
    from: &'static str,
    to: &'static str,
    action: &'static str,
}

const SUSPEND: Change = Change { from: "active", to: "suspended", action: "tenant.suspend" };
const RESUME: Change = Change { from: "suspended", to: "active", action: "tenant.resume" };

/// The tenant as it is now; or, unchanged, as it is when it is not as it has to be for that.
async fn change(
    admin: &mut Client,
    slug_or_id: &str,
    reason: &Reason,
    Change { from, to, action }: &Change,
) -> Result<Result<Tenant, Tenant>, TenantError> {
    let tx = admin.transaction().await?;
    tx.batch_execute("SET LOCAL ROLE rowhouse_owner; SET LOCAL lock_timeout = '5s'").await?;
    let mut tenant = find(&tx, slug_or_id).await?;
    let id = tenant.id.to_string();
    let lock = "SELECT t.status FROM tenancy.tenants t WHERE t.id = $1::text::uuid FOR NO KEY UPDATE";
    tenant.status = tx.query_one(lock, &[&id]).await?.try_get(0)?;
    if tenant.status != *from {
        return Ok(Err(tenant));
    }
    let update = "UPDATE tenancy.tenants SET status = $2, updated_at = now() WHERE id = $1::text::uuid";
    tx.execute(update, &[&id, to]).await?;
    tx.execute(
        "INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome, target_type, target_id, details)
         VALUES ($1::text::uuid, pg_catalog.gen_random_uuid(), 'system', $2, 'success', 'tenant', $1::text::uuid,
             pg_catalog.jsonb_build_object('reason', $3::text))",
        &[&id, action, &reason.as_str()],
    )
    .await?;
    tx.commit().await?;
    (*to).clone_into(&mut tenant.status);
    Ok(Ok(tenant))
}
