//! An overview of one person.

use rowhouse_tenancy::TenantId;
use serde::Serialize;
use tokio_postgres::{Client, GenericClient};

use super::Person;
use super::directory::find;
use crate::page::rfc3339;
use crate::tenants::{TenantError, as_text, enter};

/// An operator's overview of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonOverview {
    /// The person.
    #[serde(flatten)]
    pub person: Person,
    /// The recovery codes that are left.
    pub recovery_codes: i64,
    /// The memberships, the oldest tenant's first.
    pub memberships: Vec<Membership>,
}

/// A person's membership of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// The tenant.
    #[serde(serialize_with = "as_text")]
    pub tenant: TenantId,
    /// Its slug.
    pub slug: String,
    /// Its status.
    pub status: String,
    /// The role.
    pub role: String,
    /// The time since when, such as `2026-11-23T08:30:00Z`.
    pub since: String,
    /// The number of sessions that can be used.
    pub sessions: i64,
    /// The number of API keys of theirs that can be used.
    pub api_keys: i64,
}

/// Returns the overview of the person with this address or id. The connection is the owner's.
pub async fn overview(owner: &mut Client, email_or_id: &str) -> Result<PersonOverview, TenantError> {
    let tx = owner.build_transaction().read_only(true).start().await?;
    let person = find(&tx, email_or_id).await?;
    let codes = "SELECT count(*) FROM auth.recovery_codes c WHERE c.user_id = $1::text::uuid";
    let recovery_codes = tx.query_one(codes, &[&person.id]).await?.try_get(0)?;
    let tenants = "SELECT t.tenant_id::text FROM auth.tenants_of_users t WHERE t.user_id = $1::text::uuid ORDER BY t.tenant_id";
    let mut memberships = Vec::new();
    for row in tx.query(tenants, &[&person.id]).await? {
        let id: String = row.try_get(0)?;
        let tenant = id.parse().map_err(|error| TenantError::Schema(format!("{id}: {error}")))?;
        memberships.extend(membership(&tx, &person.id, tenant).await?);
    }
    tx.commit().await?;
    Ok(PersonOverview { person, recovery_codes, memberships })
}

/// Enters the tenant and returns the membership, if the person is still a member.
async fn membership(
    transaction: &impl GenericClient,
    person: &str,
    tenant: TenantId,
) -> Result<Option<Membership>, TenantError> {
    enter(transaction, tenant).await?;
    let query = format!(
        "SELECT t.slug, t.status, m.role, {},
             (SELECT count(*) FROM auth.sessions s WHERE s.tenant_id = t.id AND s.user_id = m.user_id
                 AND s.ended_at IS NULL AND least(s.expires_at, s.idle_expires_at) > now()),
             (SELECT count(*) FROM auth.api_keys k WHERE k.tenant_id = t.id AND k.created_by = m.user_id
                 AND k.revoked_at IS NULL AND coalesce(k.expires_at, 'infinity') > now())
         FROM tenancy.tenants t JOIN auth.memberships m ON m.tenant_id = t.id
         WHERE t.id = $1::text::uuid AND m.user_id = $2::text::uuid",
        rfc3339("m.created_at")
    );
    let Some(row) = transaction.query_opt(&query, &[&tenant.to_string(), &person]).await? else {
        return Ok(None);
    };
    Ok(Some(Membership {
        tenant,
        slug: row.try_get(0)?,
        status: row.try_get(1)?,
        role: row.try_get(2)?,
        since: row.try_get(3)?,
        sessions: row.try_get(4)?,
        api_keys: row.try_get(5)?,
    }))
}
