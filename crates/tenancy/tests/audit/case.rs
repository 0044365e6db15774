//! A planted violation.

use rowhouse_tenancy::audit::Scope;

/// SQL that makes a hole, and everything that the audit must then find: rule and object.
pub(crate) struct Case {
    pub(crate) role: &'static str,
    pub(crate) plant: &'static str,
    pub(crate) scope: Scope,
    pub(crate) found: &'static [(&'static str, &'static str)],
}

/// Planted by the role that migrates.
pub(crate) const fn owner(plant: &'static str, found: &'static [(&'static str, &'static str)]) -> Case {
    Case { role: "rowhouse_owner", plant, scope: Scope::All, found }
}

/// Planted by a superuser.
pub(crate) const fn admin(plant: &'static str, found: &'static [(&'static str, &'static str)]) -> Case {
    Case { role: "NONE", plant, scope: Scope::All, found }
}

impl Case {
    /// The audit of one schema, where it sees another thing than the audit of everything.
    pub(crate) const fn seen_from(self, schema: &'static str) -> Self {
        Self { scope: Scope::Schema(schema), ..self }
    }
}
