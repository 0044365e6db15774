//! [`Role`], and which roles reach which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The role of a member in a tenant, which determines the member's permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Can do everything, including the end of the tenant.
    Owner,
    /// Can do everything but end the tenant.
    Admin,
    /// Can read and write the tenant's data.
    Member,
    /// Can read the tenant's data.
    Viewer,
}

/// The error of parsing a text that is not a role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of owner, admin, member, viewer")]
pub struct UnknownRole;

impl Role {
    /// Returns the role's name in tokens, rows and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// Returns whether a member with this role may grant, change and revoke the other role. Nobody may do that to a role above
    /// their own.
    #[must_use]
    pub const fn reaches(self, other: Self) -> bool {
        self.rank() >= other.rank()
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Viewer => 0,
            Self::Member => 1,
            Self::Admin => 2,
            Self::Owner => 3,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "owner" => Ok(Self::Owner),
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            "viewer" => Ok(Self::Viewer),
            _ => Err(UnknownRole),
        }
    }
}
