//! [`SetupProgress`], the state of a tenant's set-up.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Tenant;

/// The record of a tenant's set-up.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SetupProgress {
    pub(crate) email: String,
    /// The first owner's id, or a placeholder while they are only invited.
    pub(crate) owner_id: Uuid,
    /// Auth's proof about the owner; `None` after the end of the set-up.
    pub(crate) member_proof: Option<Vec<u8>>,
    /// The digest of the caller's idempotency key.
    pub(crate) key_digest: Option<Vec<u8>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) membership_at: Option<DateTime<Utc>>,
    pub(crate) defaults_at: Option<DateTime<Utc>>,
    pub(crate) welcome_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// The reason why the tenant cannot be set up.
    pub(crate) failure: Option<String>,
}

impl SetupProgress {
    /// Returns the steps by their names, in their order, with the time of each. Whether the owner had an identity
    /// before is not revealed: it and the membership, or their placeholders, have the same time.
    pub(crate) fn steps(&self) -> [(&'static str, Option<DateTime<Utc>>); 5] {
        [
            ("tenant", Some(self.created_at)),
            ("identity", self.membership_at),
            ("membership", self.membership_at),
            ("defaults", self.defaults_at),
            ("welcome", self.welcome_at),
        ]
    }
}

/// A tenant and the record of its set-up. Tenants of earlier versions have no record.
pub(crate) struct Onboarded {
    pub(crate) tenant: Tenant,
    pub(crate) progress: Option<SetupProgress>,
}
