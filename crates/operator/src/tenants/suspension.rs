//! Suspending and resuming a tenant.

use tokio_postgres::Client;

use super::transactions::end_transactions;
use super::{Tenant, TenantError, find};
use crate::actions::{NewAction, Operator, Reason, record};

/// A suspended tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// The tenant's entry in the directory.
    pub tenant: Tenant,
    /// The number of transactions that were terminated.
    pub ended_transactions: usize,
}

/// Suspends a tenant: nobody can enter it any more, whatever tokens they have, and open transactions are ended. When
/// this returns, no transaction of a service is in the tenant. `admin` must be able to become the owner and to
/// terminate other roles' sessions.
///
/// A tenant that is already suspended stays so, and transactions that are still in it are ended all the same.
pub async fn suspend(
    admin: &mut Client,
    slug_or_id: &str,
    operator: &Operator,
) -> Result<Suspended, TenantError> {
    let outcome = change(admin, slug_or_id, operator, &SUSPEND).await?;
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

/// Resumes a tenant: existing tokens are valid again, and its jobs continue.
pub async fn resume(
    admin: &mut Client,
    slug_or_id: &str,
    operator: &Operator,
) -> Result<Tenant, TenantError> {
    let refused = |Tenant { slug, status, .. }| TenantError::NotSuspended { slug, status };
    change(admin, slug_or_id, operator, &RESUME).await?.map_err(refused)
}

/// A change of status with its name in the tenant's audit log, which has the reason but not the operator's name, and in the record of
/// operators' actions, which has both.
struct Change {
    from: &'static str,
    to: &'static str,
    action: &'static str,
}

const SUSPEND: Change = Change { from: "active", to: "suspended", action: "tenant.suspend" };
const RESUME: Change = Change { from: "suspended", to: "active", action: "tenant.resume" };

/// Changes the status and returns the tenant; or returns it unchanged if it has another status than the change
/// requires.
async fn change(
    admin: &mut Client,
    slug_or_id: &str,
    operator: &Operator,
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
        &[&id, action, &operator.reason.as_ref().map(Reason::as_str)],
    )
    .await?;
    record(&tx, operator, &NewAction::on(action, "tenant", &id, &tenant.slug)).await?;
    tx.commit().await?;
    (*to).clone_into(&mut tenant.status);
    Ok(Ok(tenant))
}
