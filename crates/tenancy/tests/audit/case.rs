//! [`Case`], a planted violation and what the audit must find.

use rowhouse_tenancy::audit::AuditScope;

/// SQL that plants a violation, and the complete result that the audit must return: rules and objects.
pub(crate) struct Case {
    pub(crate) role: &'static str,
    pub(crate) plant: &'static str,
    pub(crate) scope: AuditScope,
    pub(crate) found: &'static [(&'static str, &'static str)],
}

/// A violation planted by the role that migrates.
pub(crate) const fn owner(plant: &'static str, found: &'static [(&'static str, &'static str)]) -> Case {
    Case { role: "rowhouse_owner", plant, scope: AuditScope::All, found }
}

/// A violation planted by a superuser.
pub(crate) const fn admin(plant: &'static str, found: &'static [(&'static str, &'static str)]) -> Case {
    Case { role: "NONE", plant, scope: AuditScope::All, found }
}

impl Case {
    /// Audits one schema, for cases in which that finds something other than the audit of the whole database.
    pub(crate) const fn seen_from(self, schema: &'static str) -> Self {
        Self { scope: AuditScope::Schema(schema), ..self }
    }
}
