//! Which tenants there are.

use clap::ValueEnum;
use rowhouse_tenancy::TenantId;
use tokio_postgres::{GenericClient, Row};

use super::{TenantError, enter};

/// A tenant's entry in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// One of [`TenantStatus`], by its name.
    pub status: String,
    /// Such as `2026-11-23 08:30:00`, in UTC.
    pub created_at: String,
}

/// Where a tenant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TenantStatus {
    /// It is being set up.
    Provisioning,
    /// It is in use.
    Active,
    /// Nobody can enter it.
    Suspended,
    /// It could not be set up.
    Failed,
}

impl TenantStatus {
    /// The name in the directory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
        }
    }
}

const COLUMNS: &str = "t.id::text, t.slug, t.name, t.status,
    pg_catalog.to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')";

/// All tenants, or those with a status, in the order in which they were made. As the owner.
pub async fn list(
    owner: &impl GenericClient,
    status: Option<TenantStatus>,
) -> Result<Vec<Tenant>, TenantError> {
    let query = format!(
        "SELECT {COLUMNS} FROM tenancy.directory() t WHERE t.status = coalesce($1, t.status) ORDER BY t.id"
    );
    let rows = owner.query(&query, &[&status.map(TenantStatus::as_str)]).await?;
    rows.iter().map(tenant).collect()
}

/// The tenant with this slug or id. Inside of a transaction of the owner's; the tenant is entered.
pub async fn find(transaction: &impl GenericClient, slug_or_id: &str) -> Result<Tenant, TenantError> {
    let unknown = || TenantError::Unknown(slug_or_id.to_owned());
    // No slug is an id.
    let id = if let Ok(id) = slug_or_id.parse() {
        id
    } else {
        let query = "SELECT t.id::text FROM tenancy.directory() t WHERE t.slug = $1";
        let found = transaction.query_opt(query, &[&slug_or_id]).await?;
        id_of(&found.ok_or_else(unknown)?)?
    };
    enter(transaction, id).await?;
    let query = format!("SELECT {COLUMNS} FROM tenancy.tenants t WHERE t.id = $1::text::uuid");
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

fn id_of(row: &Row) -> Result<TenantId, TenantError> {
    let id: String = row.try_get(0)?;
    id.parse().map_err(|error| TenantError::Schema(format!("{id}: {error}")))
}
