//! Converting roles from and to messages.

use rowhouse_proto::auth::v1;
use rowhouse_tokens::Role;

pub(super) const fn to_proto(role: Role) -> v1::Role {
    match role {
        Role::Owner => v1::Role::Owner,
        Role::Admin => v1::Role::Admin,
        Role::Member => v1::Role::Member,
        Role::Viewer => v1::Role::Viewer,
    }
}

/// Returns the role, or `None` for an absent or unknown one.
pub(super) fn from_proto(role: i32) -> Option<Role> {
    match v1::Role::try_from(role) {
        Ok(v1::Role::Owner) => Some(Role::Owner),
        Ok(v1::Role::Admin) => Some(Role::Admin),
        Ok(v1::Role::Member) => Some(Role::Member),
        Ok(v1::Role::Viewer) => Some(Role::Viewer),
        Ok(v1::Role::Unspecified) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_number() {
        for role in [Role::Owner, Role::Admin, Role::Member, Role::Viewer] {
            assert_eq!(from_proto(to_proto(role).into()), Some(role));
        }
        for unknown in [0, 5, -1, i32::MAX] {
            assert_eq!(from_proto(unknown), None);
        }
    }
}
