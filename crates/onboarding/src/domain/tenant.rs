//! [`Tenant`], an entry of the directory.

use chrono::{DateTime, Utc};
use rowhouse_tenancy::{TenantId, TenantStatus};

use super::{Slug, TenantName};

/// A tenant of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) status: TenantStatus,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A tenant to be created.
pub(crate) struct NewTenant<'a> {
    pub(crate) name: &'a TenantName,
    pub(crate) slug: &'a Slug,
}
