//! What a role allows.

use std::fmt;
use std::str::FromStr;

use crate::Role;

/// One row a permission: its name and the roles that have it. The table is the whole of it: services ask
/// [`Principal::may`](crate::Principal::may), and nobody compares roles.
macro_rules! permissions {
    ($($(#[doc = $what:literal])+ $variant:ident $name:literal: $($role:ident)+;)*) => {
        /// Something that a caller may do. An API key's scopes are permissions too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[doc = $what])+ $variant,)*
        }

        impl Permission {
            /// Every permission, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in scopes, such as `orders:read`.
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
    /// Look at orders.
    OrdersRead "orders:read": Owner Admin Member Viewer;
    /// Place and change orders.
    OrdersWrite "orders:write": Owner Admin Member;
    /// See who the members are.
    MembersRead "members:read": Owner Admin Member Viewer;
    /// Invite, change and remove members.
    MembersWrite "members:write": Owner Admin;
    /// See and end other members' sessions.
    SessionsManage "sessions:manage": Owner Admin;
    /// See, make and delete API keys.
    ApiKeysManage "api_keys:manage": Owner Admin;
    /// Read the audit log.
    AuditLogRead "audit_log:read": Owner Admin;
    /// See the tenant itself, and how its set-up went.
    TenantRead "tenant:read": Owner Admin Member Viewer;
    /// See what is done in the background.
    JobsRead "jobs:read": Owner Admin Member Viewer;
    /// Cancel what is done in the background.
    JobsManage "jobs:manage": Owner Admin;
    /// See and download exports, which have all orders in them.
    ExportsRead "exports:read": Owner Admin Member;
    /// Have exports written.
    ExportsWrite "exports:write": Owner Admin Member;
    /// See, make, change and delete webhook endpoints, which are sent orders from then on; see deliveries and repeat them.
    WebhooksManage "webhooks:manage": Owner Admin;
}

/// The text names no permission.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope: the scopes are {all}", all = names())]
pub struct UnknownPermission(String);

fn names() -> String {
    Permission::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
}

impl Role {
    /// Whether a member in this role may do it.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
    }

    /// Whether a member in this role may give, change and take away the other: nobody reaches above themselves.
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
