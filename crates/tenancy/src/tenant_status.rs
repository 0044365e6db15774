//! [`TenantStatus`].

use std::str::FromStr;

/// The status of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantStatus {
    /// It is in set-up, and nobody can log in yet.
    Provisioning,
    /// It is in use.
    Active,
    /// It is closed until it is resumed.
    Suspended,
    /// It could not be set up.
    Failed,
}

impl TenantStatus {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Provisioning, Self::Active, Self::Suspended, Self::Failed];

    /// Returns the name in the directory.
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

/// The error of parsing a text that is not a status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's status is one of provisioning, active, suspended, failed")]
pub struct UnknownTenantStatus;

impl FromStr for TenantStatus {
    type Err = UnknownTenantStatus;

    fn from_str(text: &str) -> Result<Self, UnknownTenantStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownTenantStatus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_is_written() {
        for status in TenantStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for text in ["", "Active", "deleted"] {
            assert_eq!(text.parse::<TenantStatus>(), Err(UnknownTenantStatus), "{text:?}");
        }
    }
}
