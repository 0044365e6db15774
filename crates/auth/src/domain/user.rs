//! [`UserId`], the id of a person.

use std::fmt;

use uuid::Uuid;

/// The id of an identity: a UUID, version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(Uuid);

impl UserId {
    /// Generates an id for a new identity.
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    pub(crate) const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for UserId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
