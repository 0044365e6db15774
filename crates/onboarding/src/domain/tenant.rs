//! [`Tenant`], an entry of the directory, and its [`TenantStatus`].

use std::str::FromStr;

use chrono::{DateTime, Utc};
use rowhouse_tenancy::TenantId;

use super::{Slug, TenantName};

/// The status of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantStatus {
    /// It is in set-up, and nobody can log in yet.
    Provisioning,
    Active,
    /// It is closed until it is resumed.
    Suspended,
    /// It could not be set up.
    Failed,
}

impl TenantStatus {
    /// Returns the name in the directory.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
        }
    }
}

/// The error of parsing a text that is not a status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's status is one of provisioning, active, suspended, failed")]
pub(crate) struct UnknownStatus;

impl FromStr for TenantStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Provisioning, Self::Active, Self::Suspended, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_is_written() {
        for status in
            [TenantStatus::Provisioning, TenantStatus::Active, TenantStatus::Suspended, TenantStatus::Failed]
        {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for text in ["", "Active", "deleted"] {
            assert_eq!(text.parse::<TenantStatus>(), Err(UnknownStatus), "{text:?}");
        }
    }
}
