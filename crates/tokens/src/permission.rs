//! The table of permissions and the roles that have them.

use std::fmt;
use std::str::FromStr;

use crate::Role;

/// Declares the permissions: each row has a permission's name and the roles that have it. Services ask
/// [`Principal::may`](crate::Principal::may) and never compare roles.
macro_rules! permissions {
    ($($(#[doc = $what:literal])+ $variant:ident $name:literal: $($role:ident)+;)*) => {
        /// An action that a caller may be allowed. The scopes of an API key are permissions, too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[doc = $what])+ $variant,)*
        }

        impl Permission {
            /// Every permission, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name in scopes, such as `orders:read`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            const fn roles(self) -> &'static [Role] {
                match self { $(Self::$variant => &[$(Role::$role),+],)* }
            }
        }
    };
}

permissions! {
    /// Read orders.
    OrdersRead "orders:read": Owner Admin Member Viewer;
    /// Place and change orders.
    OrdersWrite "orders:write": Owner Admin Member;
    /// List members.
    MembersRead "members:read": Owner Admin Member Viewer;
    /// Invite, change and remove members.
    MembersWrite "members:write": Owner Admin;
    /// List and end other members' sessions.
    SessionsManage "sessions:manage": Owner Admin;
    /// List, create and delete API keys.
    ApiKeysManage "api_keys:manage": Owner Admin;
    /// Read the audit log.
    AuditLogRead "audit_log:read": Owner Admin;
    /// Read the tenant and the state of its set-up.
    TenantRead "tenant:read": Owner Admin Member Viewer;
    /// List background jobs.
    JobsRead "jobs:read": Owner Admin Member Viewer;
    /// Cancel background jobs.
    JobsManage "jobs:manage": Owner Admin;
    /// List and download exports, which contain all orders.
    ExportsRead "exports:read": Owner Admin Member;
    /// Create exports.
    ExportsWrite "exports:write": Owner Admin Member;
    /// List, create, change and delete webhook endpoints, which receive orders from then on; list and repeat deliveries.
    WebhooksManage "webhooks:manage": Owner Admin;
}

/// The error of parsing a text that is not a permission.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope: the scopes are {all}", all = names())]
pub struct UnknownPermission(String);

fn names() -> String {
    Permission::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
}

impl Role {
    /// Returns whether a member with this role has the permission.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
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

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let named = Self::ALL.iter().find(|one| one.as_str() == text);
        named.copied().ok_or_else(|| UnknownPermission(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];

    #[test]
    fn a_higher_role_has_whatever_a_lower_one_has() {
        for pair in ROLES.windows(2) {
            for permission in Permission::ALL {
                assert!(pair[1].may(*permission) || !pair[0].may(*permission), "{permission} {pair:?}");
            }
            assert!(pair[1].reaches(pair[0]) && !pair[0].reaches(pair[1]));
        }
        assert!(Role::Admin.reaches(Role::Admin));
    }

    #[test]
    fn names_are_read_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
        }
        let error = "orders:delete".parse::<Permission>().unwrap_err().to_string();
        assert!(error.contains("orders:write"), "{error}");
    }

    #[test]
    fn the_rows_that_matter_most() {
        assert!(!Role::Viewer.may(Permission::OrdersWrite));
        assert!(!Role::Member.may(Permission::MembersWrite));
        assert!(!Role::Member.may(Permission::AuditLogRead));
        assert!(Role::Viewer.may(Permission::OrdersRead));
    }
}
