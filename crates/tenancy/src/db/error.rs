//! What can go wrong with a transaction.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Why a transaction did not take place. None of it is committed, except after a lost connection during
/// COMMIT, when nobody can know.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The context's tenant is not, or no longer, in the directory.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The context's tenant is suspended.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The token that the context stands on has been revoked: its session has ended, or its member has another
    /// role by now.
    #[error("the access token was revoked")]
    TokenRevoked,
    /// No connection became free in time, or none could be made.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The statement ran into `statement_timeout`, or was cancelled.
    #[error("the database took too long: {0}")]
    TimedOut(String),
    /// Others were in the way: `lock_timeout`, a deadlock, a serialisation failure. The same transaction may
    /// succeed when tried again.
    #[error("the database was contended: {0}")]
    Contended(String),
    /// A statement failed and the body went on as if it had not, so there was nothing to commit.
    #[error("the transaction ended well although a statement in it had failed")]
    SwallowedFailure,
    /// Any other refusal; a violated constraint's name is in [`DbError::constraint`].
    #[error(transparent)]
    Query(DieselError),
}

impl DbError {
    /// The name of the constraint that a statement violated.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Query(DieselError::DatabaseError(_, information)) => information.constraint_name(),
            _ => None,
        }
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else { return Self::Query(error) };
        match (kind, information.constraint_name()) {
            (_, Some("tenant_exists")) => Self::UnknownTenant,
            (_, Some("tenant_not_suspended")) => Self::TenantSuspended,
            (_, Some("token_not_revoked")) => Self::TokenRevoked,
            (DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection, _) => {
                Self::Unavailable(information.message().to_owned())
            }
            (DatabaseErrorKind::SerializationFailure, _) => Self::Contended(information.message().to_owned()),
            // diesel keeps no SQLSTATE, so the server's English message has to tell these apart; under
            // another lc_messages they are internal errors, which is wrong in kind and still safe.
            (DatabaseErrorKind::Unknown, None)
                if ["statement timeout", "user request"]
                    .iter()
                    .any(|sign| information.message().contains(sign)) =>
            {
                Self::TimedOut(information.message().to_owned())
            }
            (DatabaseErrorKind::Unknown, None)
                if ["lock timeout", "deadlock detected"]
                    .iter()
                    .any(|sign| information.message().contains(sign)) =>
            {
                Self::Contended(information.message().to_owned())
            }
            // The server is going away or has lost this session: 57P01, 57P02, 57P03, 57P05, 25P03.
            (DatabaseErrorKind::Unknown, None)
                if ["terminating connection", "shutting down", "starting up", "recovery mode"]
                    .iter()
                    .any(|sign| information.message().contains(sign)) =>
            {
                Self::Unavailable(information.message().to_owned())
            }
            _ => Self::Query(error),
        }
    }
}
