//! The errors of the service's calls.

use rowhouse_chassis::access::Denied;
use rowhouse_chassis::error::{IntoStatus, Violations, from_db, invalid_argument, missing, status};
use rowhouse_proto::jobs::v1::error_code;
use rowhouse_tenancy::DbError;
use tonic::Status;

use crate::CancelError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the request has invalid fields")]
    Invalid(Violations),
    #[error(transparent)]
    Denied(#[from] Denied),
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

impl IntoStatus for Error {
    fn into_status(self, operation: &'static str) -> Status {
        match self {
            Self::Invalid(violations) => invalid_argument(violations.into()),
            Self::Denied(denied) => denied.into_status(operation),
            Self::NotFound => missing(error_code::JOB_NOT_FOUND),
            Self::NotCancellable(reason) => status(error_code::JOB_NOT_CANCELLABLE, reason.to_string()),
            Self::Db(error) => from_db(operation, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_chassis::error::{Code, fault};
    use rowhouse_proto::ERROR_CODES;

    use super::*;

    #[test]
    fn each_outcome_has_its_code() {
        for (error, code) in [
            (Error::Invalid(Violations::default()), Code::INVALID_ARGUMENT),
            (Error::Denied(Denied::MembersOnly), Code::PERMISSION_DENIED),
            (CancelError::NotFound.into(), error_code::JOB_NOT_FOUND),
            (CancelError::NotCancellable.into(), error_code::JOB_NOT_CANCELLABLE),
            (DbError::TenantSuspended.into(), Code::TENANT_SUSPENDED),
        ] {
            assert_eq!(fault(&error.into_status("jobs.test"), ERROR_CODES).code, code);
        }
    }
}
