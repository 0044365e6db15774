//! [`DbError`], the errors of a transaction.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use rowhouse_connection::sqlstate;

/// The reason why a transaction failed. Nothing of it is committed, except that the outcome is unknown when the connection is lost during
/// COMMIT.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The context's tenant does not exist (any more).
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The context's tenant is suspended.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The context's token was revoked: its session has ended, or the member's role has changed.
    #[error("the access token was revoked")]
    TokenRevoked,
    /// No connection became free in time, or none could be made, or the server cannot work: it is shutting down, read-only,
    /// out of disk space. The text says which.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The statement exceeded `statement_timeout`, or was cancelled.
    #[error("the database took too long: {0}")]
    TimedOut(String),
    /// The transaction conflicted with others: `lock_timeout`, a deadlock, a serialization failure. It may succeed when it is
    /// retried.
    #[error("the database was contended: {0}")]
    Contended(String),
    /// A statement failed and the body returned `Ok` all the same. Nothing was committed.
    #[error("the transaction ended well although a statement in it had failed")]
    SwallowedFailure,
    /// Any other error; [`DbError::constraint`] returns the name of a violated constraint.
    #[error(transparent)]
    Query(DieselError),
}

impl DbError {
    /// Returns the name of the constraint that a statement violated.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Query(DieselError::DatabaseError(_, information)) => information.constraint_name(),
            _ => None,
        }
    }

    /// Returns the error for another caller of the same transaction ([`TenantDb::tx_together`](crate::TenantDb::tx_together)).
    #[must_use]
    pub fn for_another(&self) -> Self {
        match self {
            Self::UnknownTenant => Self::UnknownTenant,
            Self::TenantSuspended => Self::TenantSuspended,
            Self::TokenRevoked => Self::TokenRevoked,
            Self::Unavailable(said) => Self::Unavailable(said.clone()),
            Self::TimedOut(said) => Self::TimedOut(said.clone()),
            Self::Contended(said) => Self::Contended(said.clone()),
            Self::SwallowedFailure => Self::SwallowedFailure,
            Self::Query(error) => Self::Query(DieselError::QueryBuilderError(error.to_string().into())),
        }
    }
}

/// The constraints that the entry into a tenant names when it refuses.
const TENANT_EXISTS: &str = "tenant_exists";
const TENANT_NOT_SUSPENDED: &str = "tenant_not_suspended";
const TOKEN_NOT_REVOKED: &str = "token_not_revoked";

/// Returns whether the constraint is one by which the entry into a tenant refuses.
pub(super) fn is_kernel_refusal(constraint: &str) -> bool {
    [TENANT_EXISTS, TENANT_NOT_SUSPENDED, TOKEN_NOT_REVOKED].contains(&constraint)
}

/// `read_only_sql_transaction`: the server is a standby or was set to read-only.
pub(super) const READ_ONLY: &str = "25006";

/// Returns whether the SQLSTATE means that the connection or the server cannot work, rather than that the statement was wrong.
pub(super) fn is_of_the_connection(code: &str) -> bool {
    // 25P04: transaction_timeout ended the session. The others: a pooler lost a prepared statement, or a migration
    // invalidated it.
    is_of_the_server(code) || matches!(code, "25P04" | "26000" | "0A000" | "42P05")
}

/// Returns whether the SQLSTATE means that the server cannot work at the moment: it is read-only, has ended the session, has no such
/// database, is down or out of resources, or refuses the role.
fn is_of_the_server(code: &str) -> bool {
    matches!(code, READ_ONLY | "25P03" | "3D000")
        || ["08", "28", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else { return Self::Query(error) };
        match information.constraint_name() {
            Some(TENANT_EXISTS) => return Self::UnknownTenant,
            Some(TENANT_NOT_SUSPENDED) => return Self::TenantSuspended,
            Some(TOKEN_NOT_REVOKED) => return Self::TokenRevoked,
            _ => {}
        }
        let Some(code) = sqlstate(&error) else {
            return match kind {
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                    Self::Unavailable(information.message().to_owned())
                }
                _ => Self::Query(error),
            };
        };
        let said = format!("{} (SQLSTATE {code})", information.message());
        match code {
            // statement_timeout and a cancel request; transaction_timeout.
            "57014" | "25P04" => Self::TimedOut(said),
            // lock_timeout; object_in_use; serialization failures and deadlocks.
            "55P03" | "55006" => Self::Contended(said),
            _ if code.starts_with("40") => Self::Contended(said),
            READ_ONLY => Self::Unavailable(format!("the server is read-only: {said}")),
            "53100" => Self::Unavailable(format!("the server's disk is full: {said}")),
            _ if is_of_the_server(code) => Self::Unavailable(said),
            _ => Self::Query(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorInformation;

    use super::*;

    /// An error from a server with German messages.
    struct Said(&'static str);

    impl DatabaseErrorInformation for Said {
        fn message(&self) -> &'static str {
            "storniere Anfrage wegen Zeitüberschreitung"
        }
        fn details(&self) -> Option<&str> {
            None
        }
        fn hint(&self) -> Option<&str> {
            None
        }
        fn table_name(&self) -> Option<&str> {
            None
        }
        fn column_name(&self) -> Option<&str> {
            Some(self.0)
        }
        fn constraint_name(&self) -> Option<&str> {
            None
        }
        fn statement_position(&self) -> Option<i32> {
            None
        }
    }

    fn of(code: &'static str) -> DbError {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(Said(code))).into()
    }

    #[test]
    fn failures_are_recognised_by_their_sqlstate() {
        for code in ["57014", "25P04"] {
            assert!(matches!(of(code), DbError::TimedOut(_)), "{code}");
        }
        for code in ["55P03", "40P01", "40001", "55006"] {
            assert!(matches!(of(code), DbError::Contended(_)), "{code}");
        }
        for code in [
            "25006", "25P03", "57P01", "57P02", "57P03", "57P05", "53100", "53200", "53300", "08006",
            "28P01", "28000", "3D000", "58030",
        ] {
            assert!(matches!(of(code), DbError::Unavailable(_)), "{code}");
            assert!(is_of_the_connection(code), "{code}");
        }
        for code in ["42501", "42P01", "23505", "22P02", "XX000", "P0001"] {
            assert!(matches!(of(code), DbError::Query(_)), "{code}");
            assert!(!is_of_the_connection(code), "{code}");
        }
    }
}
