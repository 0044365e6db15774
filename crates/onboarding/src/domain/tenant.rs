//! Tenants.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use rowhouse_tenancy::TenantId;

use super::Slug;

/// A company's name, as people write it: trimmed, 1 to 200 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantName(String);

impl TenantName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let name = text.trim();
        if name.is_empty() {
            Err("send the tenant's name")
        } else if name.chars().count() > 200 {
            Err("send a name of 200 characters at most")
        } else if name.chars().any(char::is_control) {
            Err("send a name without line breaks and other control characters")
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

/// Where a tenant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantStatus {
    /// Being set up; nobody can log in yet.
    Provisioning,
    Active,
    /// Closed until it is resumed.
    Suspended,
    /// It could not be set up.
    Failed,
}

impl TenantStatus {
    /// The name in the directory.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
        }
    }
}

/// The text names no status.
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

/// A tenant that is about to be created.
pub(crate) struct NewTenant<'a> {
    pub(crate) name: &'a TenantName,
    pub(crate) slug: &'a Slug,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expected) in [
            ("Acme", Some("Acme")),
            ("  Acme & Söhne GmbH  ", Some("Acme & Söhne GmbH")),
            ("株式会社", Some("株式会社")),
            ("A", Some("A")),
            (&"ü".repeat(200), Some("ü".repeat(200).as_str())),
            (&"ü".repeat(201), None),
            ("", None),
            (" \t\n", None),
            ("Acme\nGlobex", None),
            ("Acme\0", None),
            ("\u{1b}[31mAcme", None),
        ] {
            let name = text.parse::<TenantName>().ok();
            assert_eq!(name.as_ref().map(TenantName::as_str), expected, "{text:?}");
        }
    }

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
