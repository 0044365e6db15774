//! An overview of one tenant.

use tokio_postgres::Client;

use super::{Tenant, TenantError, find};

/// An operator's overview of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Its entry in the directory.
    pub tenant: Tenant,
    /// The number of members.
    pub members: i64,
    /// The number of jobs by status, without those that are zero.
    pub jobs: Vec<(String, i64)>,
    /// The latest suspension, if there was one.
    pub last_suspension: Option<Suspension>,
}

/// A suspension of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// The time of the suspension, such as `2026-11-23 08:30:00`, in UTC.
    pub at: String,
    /// The operator's reason.
    pub reason: String,
}

/// Returns the overview of the tenant with this slug or id. The connection is the owner's.
pub async fn overview(owner: &mut Client, slug_or_id: &str) -> Result<Overview, TenantError> {
    let tx = owner.transaction().await?;
    let tenant = find(&tx, slug_or_id).await?;
    let id = tenant.id.to_string();
    let members = "SELECT count(*) FROM auth.memberships m WHERE m.tenant_id = $1::text::uuid";
    let members = tx.query_one(members, &[&id]).await?.try_get(0)?;
    let jobs = tx
        .query(
            "SELECT j.status, count(*) FROM jobs.jobs j WHERE j.tenant_id = $1::text::uuid
             GROUP BY j.status ORDER BY j.status",
            &[&id],
        )
        .await?;
    let jobs = jobs.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let jobs = jobs.collect::<Result<_, tokio_postgres::Error>>()?;
    let last_suspension = tx
        .query_opt(
            "SELECT pg_catalog.to_char(l.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                 coalesce(l.details ->> 'reason', '')
             FROM auth.audit_log l WHERE l.tenant_id = $1::text::uuid AND l.action = 'tenant.suspend'
             ORDER BY l.occurred_at DESC LIMIT 1",
            &[&id],
        )
        .await?;
    let last_suspension = match last_suspension {
        Some(row) => Some(Suspension { at: row.try_get(0)?, reason: row.try_get(1)? }),
        None => None,
    };
    tx.commit().await?;
    Ok(Overview { tenant, members, jobs, last_suspension })
}
