//! The consequences of a person's changed permissions for what they created.

use rowhouse_proto::auth::v1::permission::MEMBERS_WRITE;
use rowhouse_tokens::{Permission, Role};

use super::find_permission;

/// The reason for a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevokeReason {
    /// The creator is not a member any more.
    MemberRemoved,
    /// The creator's role changed.
    RoleChanged,
}

impl RevokeReason {
    /// Returns the name in the table and in the audit log. The table has two more, `user_disabled` and
    /// `account_recovered`, which the function `auth.revoke_grants_of` writes.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::MemberRemoved => "member_removed",
            Self::RoleChanged => "role_changed",
        }
    }
}

/// The kinds of objects that belong to the tenant and are kept, no matter who created them.
pub(crate) const KEPT: [&str; 2] = ["exports", "webhook_endpoints"];

/// Returns the scopes that an API key still has: those that its creator's current role allows. Without a role there
/// are none. Unknown scopes are left out.
pub(crate) fn effective_scopes(scopes: &[String], creator: Option<Role>) -> Vec<Permission> {
    let may = |scope: &Permission| creator.is_some_and(|role| role.may(*scope));
    scopes.iter().filter_map(|scope| find_permission(scope)).filter(may).collect()
}

/// Returns whether an invitation with a role stays valid for a sender with another one: the sender must still be
/// allowed to invite, and not above their own role.
pub(crate) fn may_still_invite(sender: Option<Role>, invited: Role) -> bool {
    sender.is_some_and(|sender| sender.may(MEMBERS_WRITE) && sender.reaches(invited))
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::orders::v1::permission::{ORDERS_READ, ORDERS_WRITE};

    use super::*;

    #[test]
    fn a_key_may_do_what_its_creator_may() {
        let scopes = ["orders:read", "orders:write", "members:write", "orders:burn"].map(str::to_owned);
        let (read, write, members) = (ORDERS_READ, ORDERS_WRITE, MEMBERS_WRITE);
        for (role, left) in [
            (Some(Role::Owner), &[read, write, members][..]),
            (Some(Role::Admin), &[read, write, members]),
            (Some(Role::Member), &[read, write]),
            (Some(Role::Viewer), &[read]),
            (None, &[]),
        ] {
            assert_eq!(effective_scopes(&scopes, role), left, "{role:?}");
        }
    }

    #[test]
    fn the_current_role_limits_invitations() {
        assert!(may_still_invite(Some(Role::Owner), Role::Owner));
        assert!(!may_still_invite(Some(Role::Admin), Role::Owner));
        assert!(may_still_invite(Some(Role::Admin), Role::Admin));
        for sender in [Some(Role::Member), Some(Role::Viewer), None] {
            assert!(!may_still_invite(sender, Role::Viewer), "{sender:?}");
        }
    }
}
