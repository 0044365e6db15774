//! An overview of one tenant.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio_postgres::{Client, GenericClient, Row};

use super::size::measure;
use super::{DataSize, Tenant, TenantError, find};
use crate::page::rfc3339;

/// An operator's overview of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Its entry in the directory.
    #[serde(flatten)]
    pub tenant: Tenant,
    /// The number of members by role.
    pub members: BTreeMap<String, i64>,
    /// The number of sessions that can be used.
    pub sessions: i64,
    /// The number of API keys that can be used.
    pub api_keys: i64,
    /// The number of invitations that can be accepted.
    pub invitations: i64,
    /// The number of jobs by status, without those that are zero.
    pub jobs: BTreeMap<String, i64>,
    /// The latest suspension, if there was one.
    pub last_suspension: Option<Suspension>,
    /// The size of the data.
    pub data: DataSize,
    /// Its use in the last 30 days, by service.
    pub usage: Vec<Usage>,
}

/// A tenant's use of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The service, such as `orders`.
    pub service: String,
    /// The transactions.
    pub transactions: i64,
    /// Their round trips.
    pub round_trips: i64,
    /// The rows that they read or changed.
    pub rows: i64,
    /// The time for which they held a connection.
    pub milliseconds: i64,
}

/// A suspension of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suspension {
    /// The time of the suspension, such as `2026-11-23T08:30:00Z`.
    pub at: String,
    /// The operator's reason.
    pub reason: String,
}

/// Returns the overview of the tenant with this slug or id. The connection is the owner's.
pub async fn overview(owner: &mut Client, slug_or_id: &str) -> Result<Overview, TenantError> {
    let tx = owner.build_transaction().read_only(true).start().await?;
    let tenant = find(&tx, slug_or_id).await?;
    let id = tenant.id.to_string();
    let members =
        "SELECT m.role, count(*) FROM auth.memberships m WHERE m.tenant_id = $1::text::uuid GROUP BY 1";
    let members = counts(&tx, members, &id).await?;
    let jobs = "SELECT j.status, count(*) FROM jobs.jobs j WHERE j.tenant_id = $1::text::uuid GROUP BY 1";
    let jobs = counts(&tx, jobs, &id).await?;
    let usable = tx
        .query_one(
            "SELECT
                 (SELECT count(*) FROM auth.sessions s WHERE s.tenant_id = t.id AND s.ended_at IS NULL
                     AND least(s.expires_at, s.idle_expires_at) > now()),
                 (SELECT count(*) FROM auth.api_keys k WHERE k.tenant_id = t.id AND k.revoked_at IS NULL
                     AND coalesce(k.expires_at, 'infinity') > now()),
                 (SELECT count(*) FROM auth.invitations i WHERE i.tenant_id = t.id AND i.expires_at > now())
             FROM tenancy.tenants t WHERE t.id = $1::text::uuid",
            &[&id],
        )
        .await?;
    let last_suspension = last_suspension(&tx, &id).await?;
    let data = measure(&tx, &id).await?;
    let usage = usage(&tx, &id).await?;
    tx.commit().await?;
    Ok(Overview {
        tenant,
        members,
        sessions: usable.try_get(0)?,
        api_keys: usable.try_get(1)?,
        invitations: usable.try_get(2)?,
        jobs,
        last_suspension,
        data,
        usage,
    })
}

async fn usage(transaction: &impl GenericClient, id: &str) -> Result<Vec<Usage>, TenantError> {
    let query = "SELECT u.service, sum(u.transactions)::bigint, sum(u.round_trips)::bigint, sum(u.rows)::bigint,
             sum(u.milliseconds)::bigint
         FROM tenancy.usage u WHERE u.tenant_id = $1::text::uuid AND u.day > (now() AT TIME ZONE 'UTC')::date - 30
         GROUP BY 1 ORDER BY 1";
    let rows = transaction.query(query, &[&id]).await?;
    let of_row = |row: &Row| {
        Ok(Usage {
            service: row.try_get(0)?,
            transactions: row.try_get(1)?,
            round_trips: row.try_get(2)?,
            rows: row.try_get(3)?,
            milliseconds: row.try_get(4)?,
        })
    };
    Ok(rows.iter().map(of_row).collect::<Result<_, tokio_postgres::Error>>()?)
}

async fn counts(
    transaction: &impl GenericClient,
    query: &str,
    id: &str,
) -> Result<BTreeMap<String, i64>, TenantError> {
    let rows = transaction.query(query, &[&id]).await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?)
}

async fn last_suspension(
    transaction: &impl GenericClient,
    id: &str,
) -> Result<Option<Suspension>, TenantError> {
    let query = format!(
        "SELECT {}, coalesce(l.details ->> 'reason', '')
         FROM auth.audit_log l WHERE l.tenant_id = $1::text::uuid AND l.action = 'tenant.suspend'
         ORDER BY l.occurred_at DESC LIMIT 1",
        rfc3339("l.occurred_at")
    );
    let Some(row) = transaction.query_opt(&query, &[&id]).await? else { return Ok(None) };
    Ok(Some(Suspension { at: row.try_get(0)?, reason: row.try_get(1)? }))
}
