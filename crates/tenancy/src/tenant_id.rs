//! [`TenantId`], the typed id of a tenant.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A tenant's id: a UUID, version 7 when made by [`TenantId::generate`].
///
/// An id gives no access: that takes a [`TenantContext`](crate::TenantContext).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "db", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "db", diesel(sql_type = diesel::sql_types::Uuid))]
pub struct TenantId(Uuid);

/// The error of parsing a text that is not a UUID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant id is a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct InvalidTenantId;

impl TenantId {
    /// Generates an id for a new tenant.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Wraps an id that was read from a verified token or from a row.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// Returns the UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenantId;

    /// Accepts every textual form of a UUID that [`Uuid::try_parse`] does, in either case.
    fn from_str(text: &str) -> Result<Self, InvalidTenantId> {
        Uuid::try_parse(text).map(Self).or(Err(InvalidTenantId))
    }
}

#[cfg(feature = "db")]
mod sql {
    use diesel::backend::Backend;
    use diesel::deserialize::{self, FromSql};
    use diesel::serialize::{self, Output, ToSql};
    use diesel::sql_types;
    use uuid::Uuid;

    use super::TenantId;

    impl<DB: Backend> ToSql<sql_types::Uuid, DB> for TenantId
    where
        Uuid: ToSql<sql_types::Uuid, DB>,
    {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
            self.0.to_sql(out)
        }
    }

    impl<DB: Backend> FromSql<sql_types::Uuid, DB> for TenantId
    where
        Uuid: FromSql<sql_types::Uuid, DB>,
    {
        fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
            Uuid::from_sql(bytes).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        for text in ["", "acme", "01890a5d-ac96-774b-bcce", "01890a5d-ac96-774b-bcce-b302099a805g"] {
            assert_eq!(text.parse::<TenantId>(), Err(InvalidTenantId), "{text:?}");
        }
    }

    #[test]
    fn text_and_back() {
        let id = TenantId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
    }
}
