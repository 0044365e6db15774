//! Rights that a person's creations keep when the person's own rights change.

use rowhouse_tokens::{Permission, Role};

/// Why something ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevokeReason {
    /// Its creator is no member any more.
    MemberRemoved,
    /// Its creator got another role.
    RoleChanged,
}

impl RevokeReason {
    /// The name in the table and in the audit log. The table knows two more, `user_disabled` and
    /// `account_recovered`, which the function `auth.revoke_grants_of` writes.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::MemberRemoved => "member_removed",
            Self::RoleChanged => "role_changed",
        }
    }
}

/// The kinds of things that belong to the tenant and stay, whoever created them.
pub(crate) const KEPT: [&str; 2] = ["exports", "webhook_endpoints"];

/// Returns what an API key with these scopes may still do: its creator's rights of now, and never more. Nobody has rights
/// without a role. A scope that this version does not know is left out.
pub(crate) fn effective_scopes(scopes: &[String], creator: Option<Role>) -> Vec<Permission> {
    let may = |scope: &Permission| creator.is_some_and(|role| role.may(*scope));
    scopes.iter().filter_map(|scope| scope.parse().ok()).filter(may).collect()
}

/// Whether an invitation into a role still stands for a sender in another one: who may not invite any more invites
/// nobody, and nobody invites above their own role.
pub(crate) fn may_still_invite(sender: Option<Role>, invited: Role) -> bool {
    sender.is_some_and(|sender| sender.may(Permission::MembersWrite) && sender.reaches(invited))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_do_what_its_creator_may() {
        let scopes = ["orders:read", "orders:write", "members:write", "orders:burn"].map(str::to_owned);
        let (read, write, members) =
            (Permission::OrdersRead, Permission::OrdersWrite, Permission::MembersWrite);
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
    fn nobody_invites_above_their_role_of_now() {
        assert!(may_still_invite(Some(Role::Owner), Role::Owner));
        assert!(!may_still_invite(Some(Role::Admin), Role::Owner));
        assert!(may_still_invite(Some(Role::Admin), Role::Admin));
        for sender in [Some(Role::Member), Some(Role::Viewer), None] {
            assert!(!may_still_invite(sender, Role::Viewer), "{sender:?}");
        }
    }
}
