//! Permissions, and the roles that have them.

use std::fmt;

use crate::Role;

/// An action that a caller may be allowed. The scopes of an API key are permissions, too.
///
/// Permissions are declared in proto, at the service that owns them. Services ask
/// [`Principal::may`](crate::Principal::may) and never compare roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    name: &'static str,
    title: &'static str,
    lowest_role: Role,
}

impl Permission {
    /// Creates a permission. Generated code does, from the definition in proto.
    #[must_use]
    pub const fn new(name: &'static str, title: &'static str, lowest_role: Role) -> Self {
        Self { name, title, lowest_role }
    }

    /// Returns the name in scopes, such as `orders:read`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// Returns what it allows, such as `Read orders`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.title
    }
}

impl Role {
    /// Returns whether a member with this role has the permission.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        self.reaches(permission.lowest_role)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl AsRef<str> for Permission {
    fn as_ref(&self) -> &str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Principal;

    const ROLES: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];

    #[test]
    fn a_permission_belongs_to_its_lowest_role_and_those_above() {
        for (index, lowest) in ROLES.into_iter().enumerate() {
            let permission = Permission::new("notes:read", "Read notes", lowest);
            for (other, role) in ROLES.into_iter().enumerate() {
                assert_eq!(role.may(permission), other >= index, "{role} {lowest}");
                assert_eq!(role.reaches(lowest), other >= index);
            }
        }
    }

    #[test]
    fn a_scope_grants_the_permission_of_its_name_and_no_other() {
        let read = Permission::new("notes:read", "Read notes", Role::Viewer);
        let write = Permission::new("notes:write", "Write notes", Role::Member);
        let scopes = ["notes:read", "notes", "notes:writes"].map(str::to_owned).to_vec();
        let key = Principal::ApiKey { id: Uuid::now_v7(), scopes };
        assert!(key.may(read) && !key.may(write));
    }
}
