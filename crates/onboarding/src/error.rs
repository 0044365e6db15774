//! [`Error`], the errors of calls and their answers.

use std::time::Duration;

use rowhouse_chassis::access::Denied;
use rowhouse_chassis::cpu_pool::CpuPoolError;
use rowhouse_chassis::error::{
    Code, FieldViolation, IntoStatus, RETRY_AFTER, from_db, internal, invalid_argument, retryable, status,
};
use rowhouse_chassis::grpc::reject;
use rowhouse_chassis::limits::{self, LimitExceeded};
use rowhouse_jobs::EnqueueError;
use rowhouse_tenancy::DbError;
use rowhouse_tenancy::grpc::AuthenticateError;
use rowhouse_tokens::TokenError;
use tonic::Status;

use crate::auth_client::AuthError;
use crate::store::tenants::CreateTenantError;

/// The error of a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request has invalid fields")]
    Invalid(Vec<FieldViolation>),
    #[error("the slug is taken")]
    SlugTaken,
    #[error("the slugs that can be made from the name are taken")]
    NoFreeSlug,
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    #[error("the tenant was removed by another call of the same onboarding")]
    TenantGone,
    #[error("the tenant cannot be set up: {0}")]
    Failed(String),
    #[error("too many repeats come from the network")]
    TooManyRepeats { wait: Duration },
    #[error("too many calls")]
    RateLimited(Box<Status>),
    #[error("calls with the same idempotency key got in each other's way, repeatedly")]
    Contended,
    #[error(transparent)]
    Hashing(#[from] CpuPoolError),
    #[error("a password cannot be hashed: {0}")]
    Bcrypt(#[from] bcrypt::BcryptError),
    #[error("a status token cannot be made: {0}")]
    Signing(TokenError),
    #[error("a job cannot be written: {0}")]
    Job(serde_json::Error),
    #[error(transparent)]
    Access(#[from] AuthenticateError),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no such tenant")]
    TenantNotFound,
    #[error("the caller's access token is not believed: {0}")]
    Token(TokenError),
    #[error("the caller's access token is a program's or a service's")]
    PeopleOnly,
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<CreateTenantError> for Error {
    fn from(error: CreateTenantError) -> Self {
        match error {
            CreateTenantError::SlugTaken => Self::SlugTaken,
            CreateTenantError::Db(error) => error.into(),
        }
    }
}

impl From<EnqueueError> for Error {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Json(error) => Self::Job(error),
            EnqueueError::Db(error) => error.into(),
        }
    }
}

impl IntoStatus for Error {
    fn into_status(self, operation: &'static str) -> Status {
        match self {
            Self::Invalid(violations) | Self::Auth(AuthError::Invalid(violations)) => {
                invalid_argument(violations)
            }
            Self::SlugTaken => status(Code::SlugTaken, "another tenant has this slug: choose another one"),
            Self::NoFreeSlug => {
                status(Code::SlugTaken, "no free slug was found for this name: send one in `slug`")
            }
            Self::IdempotencyKeyReused => status(
                Code::IdempotencyKeyReused,
                "this idempotency key was used for a request with other values: use a new key, or repeat \
                 that request as it was",
            ),
            Self::Auth(AuthError::Caller(Code::EmailMismatch)) => status(
                Code::EmailMismatch,
                "the access token belongs to another person than the first owner: send their address, or no token",
            ),
            Self::Auth(AuthError::Caller(Code::TokenRevoked)) => from_db(operation, &DbError::TokenRevoked),
            Self::Auth(AuthError::Caller(code)) => {
                status(code, "the access token is not accepted: log in again")
            }
            Self::Auth(AuthError::NotAMember) => status(
                Code::PermissionDenied,
                "this idempotency key made a tenant that the person does not belong to any more: use a new key for a \
                 new tenant",
            ),
            Self::Auth(AuthError::TooManyTenants) => LimitExceeded(limits::TENANTS_OF_PERSON).into(),
            Self::PeopleOnly => status(
                Code::PermissionDenied,
                "a tenant's first owner is a person: send a person's access token, or none",
            ),
            Self::Token(TokenError::Expired) => status(Code::TokenExpired, TokenError::Expired.to_string()),
            Self::Token(reason) => status(Code::TokenInvalid, reason.to_string()),
            Self::Failed(reason) => retryable(
                Code::Unavailable,
                format!("the tenant could not be set up, and is taken back: {reason}"),
                RETRY_AFTER,
            ),
            Self::Access(refusal) => reject(refusal),
            Self::Denied(denied) => denied.into_status(operation),
            Self::TenantNotFound => {
                status(Code::TenantNotFound, "there is no tenant with this id that the token shows")
            }
            Self::TenantGone | Self::Contended => retryable(
                Code::Unavailable,
                "another call was working on the same onboarding: try again",
                RETRY_AFTER,
            ),
            Self::Auth(AuthError::Busy { retry_after }) => retryable(
                Code::ResourceExhausted,
                "too many passwords are being checked at once: try again",
                retry_after.unwrap_or(RETRY_AFTER),
            ),
            Self::Auth(AuthError::TooMany { retry_after }) => retryable(
                Code::TooManyAttempts,
                "too many sign-ups from this network or with this e-mail address: wait before the next one",
                retry_after.unwrap_or(RETRY_AFTER),
            ),
            Self::RateLimited(refusal) => *refusal,
            Self::TooManyRepeats { wait } => retryable(
                Code::TooManyAttempts,
                "too many repeated requests from this network: wait before the next one",
                wait,
            ),
            Self::Hashing(CpuPoolError::Busy { retry_after }) => retryable(
                Code::ResourceExhausted,
                "too many passwords are being checked at once: try again",
                retry_after,
            ),
            Self::Hashing(error @ CpuPoolError::Thread(_)) => internal(operation, &error),
            Self::Bcrypt(error) => internal(operation, &error),
            Self::Auth(AuthError::Unavailable { retry_after }) => {
                tracing::warn!(operation, "{operation}: auth is not available");
                retryable(
                    Code::Unavailable,
                    "a part of the service cannot be reached for the moment: repeat the request",
                    retry_after.unwrap_or(RETRY_AFTER),
                )
            }
            Self::Auth(AuthError::DeadlineExceeded) => status(
                Code::DeadlineExceeded,
                "the request took longer than its deadline: repeat it, with the same idempotency key",
            ),
            Self::Auth(AuthError::TenantSuspended) => from_db(operation, &DbError::TenantSuspended),
            Self::Auth(
                error @ (AuthError::UnknownTenant | AuthError::Unexpected(_) | AuthError::Token(_)),
            ) => internal(operation, &error),
            Self::Signing(error) => internal(operation, &error),
            Self::Job(error) => internal(operation, &error),
            Self::Db(error) => from_db(operation, &error),
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
            (Error::Invalid(Vec::new()), Code::InvalidArgument),
            (Error::SlugTaken, Code::SlugTaken),
            (Error::NoFreeSlug, Code::SlugTaken),
            (Error::IdempotencyKeyReused, Code::IdempotencyKeyReused),
            (Error::TenantGone, Code::Unavailable),
            (Error::TooManyRepeats { wait: Duration::from_secs(1) }, Code::TooManyAttempts),
            (Error::Failed("auth has gone".to_owned()), Code::Unavailable),
            (Error::Access(AuthenticateError::MissingToken), Code::TokenMissing),
            (Error::Denied(Denied::MembersOnly), Code::PermissionDenied),
            (Error::TenantNotFound, Code::TenantNotFound),
            (Error::Contended, Code::Unavailable),
            (Error::Token(TokenError::Expired), Code::TokenExpired),
            (Error::Token(TokenError::BadSignature), Code::TokenInvalid),
            (Error::Auth(AuthError::Caller(Code::EmailMismatch)), Code::EmailMismatch),
            (Error::Auth(AuthError::Caller(Code::TokenRevoked)), Code::TokenRevoked),
            (Error::PeopleOnly, Code::PermissionDenied),
            (Error::Auth(AuthError::TooManyTenants), Code::LimitExceeded),
            (Error::Auth(AuthError::Invalid(Vec::new())), Code::InvalidArgument),
            (Error::Auth(AuthError::UnknownTenant), Code::Internal),
            (Error::Auth(AuthError::TenantSuspended), Code::TenantSuspended),
            (Error::Auth(AuthError::Busy { retry_after: None }), Code::ResourceExhausted),
            (Error::Auth(AuthError::TooMany { retry_after: None }), Code::TooManyAttempts),
            (Error::Auth(AuthError::Unavailable { retry_after: None }), Code::Unavailable),
            (Error::Auth(AuthError::DeadlineExceeded), Code::DeadlineExceeded),
            (Error::Auth(AuthError::Unexpected(Code::TokenInvalid)), Code::Internal),
            (Error::Auth(AuthError::Token(TokenError::Signing)), Code::Internal),
            (Error::from(DbError::UnknownTenant), Code::TenantUnknown),
            (Error::from(DbError::TenantSuspended), Code::TenantSuspended),
        ] {
            assert_eq!(fault(&error.into_status("onboarding.test")).code, code);
        }
    }

    #[test]
    fn auths_field_names_are_translated() {
        let from_auth = invalid_argument(vec![FieldViolation::new("email", "send an address")]);
        let error = Error::Auth(AuthError::from(fault(&from_auth)));
        let violations = fault(&error.into_status("onboarding.test")).violations;
        assert_eq!(violations, [FieldViolation::new("admin.email", "send an address")]);
    }
}
