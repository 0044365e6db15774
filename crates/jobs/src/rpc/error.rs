//! The errors of the service's calls.

use rowhouse_chassis::error::{Code, Violations, from_db, internal, invalid_argument, status};
use rowhouse_tenancy::DbError;
use rowhouse_tokens::Permission;
use tonic::Status;

use crate::CancelError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the request has invalid fields")]
    Invalid(Violations),
    #[error("the call has no verified token; the server lacks the layer that verifies")]
    Unauthenticated,
    #[error("the caller has not the permission {0}")]
    NotPermitted(Permission),
    #[error("there is no such job")]
    NotFound,
    #[error("{0}")]
    NotCancellable(CancelError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<CancelError> for Error {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound => Self::NotFound,
            CancelError::Db(error) => Self::Db(error),
            error @ (CancelError::NotCancellable | CancelError::Ended(_)) => Self::NotCancellable(error),
        }
    }
}

impl Error {
    /// The answer to the caller. `operation` is what the log calls it when the fault is the service's own.
    pub(super) fn into_status(self, operation: &'static str) -> Status {
        match self {
            Self::Invalid(violations) => invalid_argument(violations.into()),
            Self::NotPermitted(permission) => status(
                Code::PermissionDenied,
                format!(
                    "this takes the permission {permission}, which your role or API key does not have: ask an administrator of your company"
                ),
            ),
            Self::NotFound => status(Code::JobNotFound, "there is no job with this id"),
            Self::NotCancellable(reason) => status(Code::JobNotCancellable, reason.to_string()),
            Self::Db(error) => from_db(operation, &error),
            error @ Self::Unauthenticated => internal(operation, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_chassis::error::fault;

    use super::*;

    #[test]
    fn each_outcome_has_its_code() {
        for (error, code) in [
            (Error::Invalid(Violations::default()), Code::InvalidArgument),
            (Error::NotPermitted(Permission::JobsManage), Code::PermissionDenied),
            (CancelError::NotFound.into(), Code::JobNotFound),
            (CancelError::NotCancellable.into(), Code::JobNotCancellable),
            (Error::Unauthenticated, Code::Internal),
            (DbError::TenantSuspended.into(), Code::TenantSuspended),
        ] {
            assert_eq!(fault(&error.into_status("jobs.test")).code, code);
        }
    }
}
