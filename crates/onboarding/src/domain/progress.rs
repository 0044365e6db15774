//! How far a tenant's set-up is.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Tenant;

/// What is written down of a tenant's set-up.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) email: String,
    /// The first owner's, or what stands for it while they are only invited.
    pub(crate) owner_id: Uuid,
    /// What auth found out about the owner; none when the set-up has ended.
    pub(crate) member_proof: Option<Vec<u8>>,
    /// Of the caller's idempotency key.
    pub(crate) key_digest: Option<Vec<u8>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) membership_at: Option<DateTime<Utc>>,
    pub(crate) defaults_at: Option<DateTime<Utc>>,
    pub(crate) welcome_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// Why the tenant cannot be set up.
    pub(crate) failure: Option<String>,
}

impl Progress {
    /// The steps by their names, in their order, and when each was done. Whether the owner had an identity before is nobody's
    /// business: it is there at the same moment as the membership, or what stands for either.
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

/// A tenant, and its set-up if it is written down: that of an earlier version's tenant is not.
pub(crate) struct Onboarded {
    pub(crate) tenant: Tenant,
    pub(crate) progress: Option<Progress>,
}
