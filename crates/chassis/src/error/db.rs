//! The errors of failed transactions.

use rowhouse_tenancy::DbError;
use tonic::Status;

use super::{Code, RETRY_AFTER, internal, retryable, status};

/// Returns the answer to a caller whose transaction failed. Domain errors, such as a violated unique constraint, are
/// handled before: those that remain are internal.
#[must_use]
pub fn from_db(operation: &'static str, error: &DbError) -> Status {
    match error {
        DbError::UnknownTenant => {
            status(Code::TENANT_UNKNOWN, "the access token's tenant does not exist: log in again")
        }
        DbError::TenantSuspended => {
            status(Code::TENANT_SUSPENDED, "the tenant is suspended: ask the operator of this service")
        }
        DbError::TokenRevoked => status(
            Code::TOKEN_REVOKED,
            "the access token's session has ended, or its role has changed: refresh it, or log in again",
        ),
        DbError::Unavailable(_) => {
            tracing::warn!(operation, %error, "{operation}: {error}");
            retryable(
                Code::UNAVAILABLE,
                "the database is not available for the moment: try again",
                RETRY_AFTER,
            )
        }
        DbError::TimedOut(_) => {
            tracing::warn!(operation, %error, "{operation}: {error}");
            retryable(Code::DEADLINE_EXCEEDED, "the database took too long: try again", RETRY_AFTER)
        }
        DbError::Contended(_) => {
            tracing::warn!(operation, %error, "{operation}: {error}");
            retryable(Code::UNAVAILABLE, "other requests were changing the same data: try again", RETRY_AFTER)
        }
        DbError::SwallowedFailure | DbError::Query(_) => internal(operation, error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault;
    use super::*;

    #[test]
    fn each_outcome_has_its_code_and_no_text_of_the_database() {
        let secret = "host=10.0.0.7 user=rowhouse_orders";
        for (error, code, retry) in [
            (DbError::UnknownTenant, Code::TENANT_UNKNOWN, false),
            (DbError::TenantSuspended, Code::TENANT_SUSPENDED, false),
            (DbError::TokenRevoked, Code::TOKEN_REVOKED, false),
            (DbError::Unavailable(secret.into()), Code::UNAVAILABLE, true),
            (DbError::TimedOut(secret.into()), Code::DEADLINE_EXCEEDED, true),
            (DbError::Contended(secret.into()), Code::UNAVAILABLE, true),
            (DbError::SwallowedFailure, Code::INTERNAL, false),
        ] {
            let answer = from_db("orders.place", &error);
            let fault = fault(&answer, Code::COMMON);
            assert_eq!(fault.code, code, "{error:?}");
            assert_eq!(fault.retry_after.is_some(), retry, "{error:?}");
            assert!(!format!("{answer:?}").contains("10.0.0.7"), "{answer:?}");
        }
    }
}
