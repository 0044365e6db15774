//! The names of the roles that `migrate` creates.

use rowhouse_catalog::ServiceName;

/// The group of the administrators, which cannot log in.
pub(super) const GROUP: &str = "rowhouse_administrators";

/// The role that owns the schemas.
pub(super) const OWNER: &str = "rowhouse_owner";

/// The role of SECURITY DEFINER functions, which only the owner may become.
pub(super) const DEFINER: &str = "rowhouse_definer";

/// The roles that cannot log in.
pub(super) const CLOSED: [&str; 3] = [OWNER, DEFINER, GROUP];

/// Returns all roles.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    CLOSED.into_iter().chain(ServiceName::ALL.iter().map(|service| service.role()))
}
