//! The directory of tenants.

use rowhouse_tenancy::{TenantId, TenantStatus};
use serde::{Serialize, Serializer};
use tokio_postgres::{GenericClient, Row};

use super::{TenantError, enter};
use crate::page::{contains, rfc3339};
use crate::{Page, Search};

/// A tenant's entry in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// The tenant's id.
    #[serde(serialize_with = "as_text")]
    pub id: TenantId,
    /// The tenant's slug.
    pub slug: String,
    /// The name.
    pub name: String,
    /// The name of a [`TenantStatus`].
    pub status: String,
    /// The time of creation, such as `2026-11-23T08:30:00Z`.
    pub created_at: String,
}

/// Returns the columns of a [`Tenant`] in the table or function `t`.
fn columns() -> String {
    format!("t.id::text, t.slug, t.name, t.status, {}", rfc3339("t.created_at"))
}

/// Returns tenants, or those with a status, the newest first. The connection is the owner's.
pub async fn list(
    owner: &impl GenericClient,
    status: Option<TenantStatus>,
    search: &Search,
) -> Result<Page<Tenant>, TenantError> {
    let found = format!(
        "FROM tenancy.directory() t WHERE t.status = coalesce($3, t.status) AND {}",
        contains(&["t.slug", "t.name", "t.id::text"])
    );
    // The number of all tenants is kept, so that nothing reads them to count them.
    let query = format!(
        "SELECT {}, CASE WHEN $1::text IS NULL AND $3::text IS NULL
             THEN (SELECT sum(c.tenants)::bigint FROM tenancy.tenant_counts c) ELSE (SELECT count(*) {found}) END AS total
         {found} ORDER BY t.id DESC LIMIT $2",
        columns()
    );
    let status = status.map(TenantStatus::as_str);
    let rows = owner.query(&query, &[&search.text, &i64::from(search.limit), &status]).await?;
    Page::read(&rows, tenant)
}

/// Returns the tenant with this slug or id and enters it, inside a transaction of the owner.
pub async fn find(transaction: &impl GenericClient, slug_or_id: &str) -> Result<Tenant, TenantError> {
    let unknown = || TenantError::Unknown(slug_or_id.to_owned());
    // A slug never has the form of an id.
    let id = if let Ok(id) = slug_or_id.parse() {
        id
    } else {
        let query = "SELECT t.id::text FROM tenancy.directory() t WHERE t.slug = $1";
        let found = transaction.query_opt(query, &[&slug_or_id]).await?;
        id_of(&found.ok_or_else(unknown)?)?
    };
    enter(transaction, id).await?;
    let query = format!("SELECT {} FROM tenancy.tenants t WHERE t.id = $1::text::uuid", columns());
    tenant(&transaction.query_opt(&query, &[&id.to_string()]).await?.ok_or_else(unknown)?)
}

fn tenant(row: &Row) -> Result<Tenant, TenantError> {
    Ok(Tenant {
        id: id_of(row)?,
        slug: row.try_get(1)?,
        name: row.try_get(2)?,
        status: row.try_get(3)?,
        created_at: row.try_get(4)?,
    })
}

/// Returns the id in the first column.
pub(super) fn id_of(row: &Row) -> Result<TenantId, TenantError> {
    let id: String = row.try_get(0)?;
    id.parse().map_err(|error| TenantError::Schema(format!("{id}: {error}")))
}

pub(crate) fn as_text<S: Serializer>(id: &TenantId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
