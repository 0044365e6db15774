//! [`Error`], the errors of calls and their answers.

use rowhouse_chassis::access::Denied;
use rowhouse_chassis::encryption::DecryptError;
use rowhouse_chassis::error::{
    Code, FieldViolation, IntoStatus, RETRY_AFTER, Violations, from_db, internal, invalid_argument, missing,
    retryable, status,
};
use rowhouse_chassis::group_commit::GroupPanicked;
use rowhouse_chassis::idempotency::{MayBeTaken, RepeatError};
use rowhouse_chassis::limits::LimitExceeded;
use rowhouse_jobs::EnqueueError;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_tenancy::DbError;
use tonic::Status;

use crate::domain::{ExportStatus, NotAllowed, Refusal};
use crate::store::placement::PlacementError;

/// The error of a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request has invalid fields")]
    Invalid(Vec<FieldViolation>),
    /// The object is missing or another tenant's, which this service cannot distinguish.
    #[error("{}", .0.title())]
    Missing(Code),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("another call with the same idempotency key is under way")]
    KeyTaken,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("an answer that was kept for repeats cannot be read")]
    KeptAnswer(#[from] prost::DecodeError),
    #[error("the webhook endpoint is disabled")]
    EndpointDisabled,
    #[error(transparent)]
    UrlNotAllowed(#[from] NotAllowed),
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    #[error("a webhook endpoint's secret cannot be made")]
    Secret(#[from] DecryptError),
    #[error("the export is {0}")]
    ExportNotReady(ExportStatus),
    #[error("an event cannot be written")]
    Event(#[from] serde_json::Error),
    #[error(transparent)]
    Group(#[from] GroupPanicked),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<PlacementError> for Error {
    fn from(error: PlacementError) -> Self {
        match error {
            PlacementError::KeyTaken => Self::KeyTaken,
            PlacementError::Db(error) => Self::Db(error),
        }
    }
}

impl IntoStatus for Error {
    fn into_status(self, operation: &'static str) -> Status {
        match self {
            Self::Invalid(violations) => invalid_argument(violations),
            Self::Missing(code) => missing(code),
            Self::Refused(refusal @ Refusal::Stale) => status(Code::ETAG_MISMATCH, refusal.to_string()),
            Self::Refused(refusal @ Refusal::Transition { .. }) => {
                status(error_code::ORDER_TRANSITION_NOT_ALLOWED, refusal.to_string())
            }
            Self::KeyReused => status(
                Code::IDEMPOTENCY_KEY_REUSED,
                "this idempotency key was used for another request: take a new key for a new order",
            ),
            Self::KeyTaken => retryable(
                Code::UNAVAILABLE,
                "another call with the same idempotency key is under way: try again",
                RETRY_AFTER,
            ),
            Self::Denied(denied) => denied.into_status(operation),
            Self::EndpointDisabled => status(
                error_code::WEBHOOK_ENDPOINT_DISABLED,
                "the endpoint is disabled, and is sent nothing: enable it first",
            ),
            Self::UrlNotAllowed(reason) => status(error_code::URL_NOT_ALLOWED, reason.to_string()),
            Self::Limit(exceeded) => exceeded.into(),
            Self::Repeat(error) => error.into_status(operation),
            Self::ExportNotReady(export_status) => status(
                error_code::EXPORT_NOT_READY,
                format!("the export is {export_status}: it has a file once it has succeeded"),
            ),
            Self::Db(error) => from_db(operation, &error),
            error @ (Self::KeptAnswer(_) | Self::Secret(_) | Self::Event(_) | Self::Group(_)) => {
                internal(operation, &error)
            }
        }
    }
}

impl MayBeTaken for Error {
    fn is_taken(&self) -> bool {
        matches!(self, Self::Repeat(RepeatError::Taken))
    }
}

impl From<EnqueueError> for Error {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Db(error) => Self::Db(error),
            EnqueueError::Json(error) => Self::Event(error),
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations.into())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use rowhouse_chassis::error::fault;
    use rowhouse_chassis::limits;
    use rowhouse_proto::ERROR_CODES;

    use super::*;
    use crate::domain::OrderStatus::{Cancelled, Paid};

    #[test]
    fn each_outcome_has_its_code() {
        let unreadable = <()>::decode(&[0xff][..]).unwrap_err();
        for (error, code) in [
            (Error::Invalid(Vec::new()), Code::INVALID_ARGUMENT),
            (Error::Missing(error_code::ORDER_NOT_FOUND), error_code::ORDER_NOT_FOUND),
            (Error::Refused(Refusal::Stale), Code::ETAG_MISMATCH),
            (
                Error::Refused(Refusal::Transition { from: Cancelled, to: Paid }),
                error_code::ORDER_TRANSITION_NOT_ALLOWED,
            ),
            (Error::KeyReused, Code::IDEMPOTENCY_KEY_REUSED),
            (Error::KeyTaken, Code::UNAVAILABLE),
            (Error::Denied(Denied::MembersOnly), Code::PERMISSION_DENIED),
            (Error::KeptAnswer(unreadable), Code::INTERNAL),
            (Error::EndpointDisabled, error_code::WEBHOOK_ENDPOINT_DISABLED),
            (Error::UrlNotAllowed(NotAllowed::Host), error_code::URL_NOT_ALLOWED),
            (Error::Limit(LimitExceeded(limits::WEBHOOK_ENDPOINTS)), Code::LIMIT_EXCEEDED),
            (Error::ExportNotReady(ExportStatus::Running), error_code::EXPORT_NOT_READY),
            (Error::Secret(DecryptError), Code::INTERNAL),
            (Error::Db(DbError::TenantSuspended), Code::TENANT_SUSPENDED),
        ] {
            assert_eq!(fault(&error.into_status("orders.test"), ERROR_CODES).code, code);
        }
    }

    #[test]
    fn a_transition_names_both_statuses() {
        let refused = Error::Refused(Refusal::Transition { from: Cancelled, to: Paid });
        assert_eq!(
            refused.into_status("orders.test").message(),
            "an order that is cancelled cannot become paid"
        );
    }
}
