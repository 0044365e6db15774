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
use rowhouse_proto::auth::v1::error_code::EMAIL_MISMATCH;
use rowhouse_proto::onboarding::v1::error_code;
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
            Self::SlugTaken => {
                status(error_code::SLUG_TAKEN, "another tenant has this slug: choose another one")
            }
            Self::NoFreeSlug => {
                status(error_code::SLUG_TAKEN, "no free slug was found for this name: send one in `slug`")
            }
            Self::IdempotencyKeyReused => status(
                Code::IDEMPOTENCY_KEY_REUSED,
                "this idempotency key was used for a request with other values: use a new key, or repeat \
                 that request unchanged",
            ),
            Self::Auth(AuthError::Caller(EMAIL_MISMATCH)) => status(
                EMAIL_MISMATCH,
                "the access token belongs to another person than the first owner: send their address, or no token",
            ),
            Self::Auth(AuthError::Caller(Code::TOKEN_REVOKED)) => from_db(operation, &DbError::TokenRevoked),
            Self::Auth(AuthError::Caller(code)) => {
                status(code, "the access token is not accepted: log in again")
            }
            Self::Auth(AuthError::NotAMember) => status(
                Code::PERMISSION_DENIED,
                "this idempotency key made a tenant that the person does not belong to any more: use a new key for a \
                 new tenant",
            ),
            Self::Auth(AuthError::TooManyTenants) => LimitExceeded(limits::TENANTS_OF_PERSON).passed_on(),
            Self::PeopleOnly => status(
                Code::PERMISSION_DENIED,
                "a tenant's first owner is a person: send a person's access token, or none",
            ),
            Self::Token(TokenError::Expired) => status(Code::TOKEN_EXPIRED, TokenError::Expired.to_string()),
            Self::Token(reason) => status(Code::TOKEN_INVALID, reason.to_string()),
            Self::Failed(reason) => retryable(
                Code::UNAVAILABLE,
                format!("the tenant could not be set up, and is taken back: {reason}"),
                RETRY_AFTER,
            ),
            Self::Access(refusal) => reject(refusal),
            Self::Denied(denied) => denied.into_status(operation),
            Self::TenantNotFound => {
                status(error_code::TENANT_NOT_FOUND, "there is no tenant with this id that the token shows")
            }
            Self::TenantGone | Self::Contended => retryable(
                Code::UNAVAILABLE,
                "another call was working on the same onboarding: try again",
                RETRY_AFTER,
            ),
            Self::Auth(AuthError::Busy { retry_after }) => retryable(
                Code::RESOURCE_EXHAUSTED,
                "too many passwords are being checked at once: try again",
                retry_after.unwrap_or(RETRY_AFTER),
            ),
            Self::Auth(AuthError::TooMany { retry_after }) => retryable(
                Code::TOO_MANY_ATTEMPTS,
                "too many sign-ups from this network or with this email address: wait before the next one",
                retry_after.unwrap_or(RETRY_AFTER),
            ),
            Self::RateLimited(refusal) => *refusal,
            Self::TooManyRepeats { wait } => {
                limits::refused(limits::SIGN_UPS);
                retryable(
                    Code::TOO_MANY_ATTEMPTS,
                    "too many repeated requests from this network: wait before the next one",
                    wait,
                )
            }
            Self::Hashing(CpuPoolError::Busy { retry_after }) => retryable(
                Code::RESOURCE_EXHAUSTED,
                "too many passwords are being checked at once: try again",
                retry_after,
            ),
            Self::Hashing(error @ CpuPoolError::Thread(_)) => internal(operation, &error),
            Self::Bcrypt(error) => internal(operation, &error),
            Self::Auth(AuthError::Unavailable { retry_after }) => {
                tracing::warn!(operation, "{operation}: auth is not available");
                retryable(
                    Code::UNAVAILABLE,
                    "a part of the service cannot be reached for the moment: repeat the request",
                    retry_after.unwrap_or(RETRY_AFTER),
                )
            }
            Self::Auth(AuthError::DeadlineExceeded) => status(
                Code::DEADLINE_EXCEEDED,
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
    use rowhouse_proto::ERROR_CODES;

    use super::*;

    #[test]
    fn each_outcome_has_its_code() {
        for (error, code) in [
            (Error::Invalid(Vec::new()), Code::INVALID_ARGUMENT),
            (Error::SlugTaken, error_code::SLUG_TAKEN),
            (Error::NoFreeSlug, error_code::SLUG_TAKEN),
            (Error::IdempotencyKeyReused, Code::IDEMPOTENCY_KEY_REUSED),
            (Error::TenantGone, Code::UNAVAILABLE),
            (Error::TooManyRepeats { wait: Duration::from_secs(1) }, Code::TOO_MANY_ATTEMPTS),
            (Error::Failed("auth has gone".to_owned()), Code::UNAVAILABLE),
            (Error::Access(AuthenticateError::MissingToken), Code::TOKEN_MISSING),
            (Error::Denied(Denied::MembersOnly), Code::PERMISSION_DENIED),
            (Error::TenantNotFound, error_code::TENANT_NOT_FOUND),
            (Error::Contended, Code::UNAVAILABLE),
            (Error::Token(TokenError::Expired), Code::TOKEN_EXPIRED),
            (Error::Token(TokenError::BadSignature), Code::TOKEN_INVALID),
            (Error::Auth(AuthError::Caller(EMAIL_MISMATCH)), EMAIL_MISMATCH),
            (Error::Auth(AuthError::Caller(Code::TOKEN_REVOKED)), Code::TOKEN_REVOKED),
            (Error::PeopleOnly, Code::PERMISSION_DENIED),
            (Error::Auth(AuthError::TooManyTenants), Code::LIMIT_EXCEEDED),
            (Error::Auth(AuthError::Invalid(Vec::new())), Code::INVALID_ARGUMENT),
            (Error::Auth(AuthError::UnknownTenant), Code::INTERNAL),
            (Error::Auth(AuthError::TenantSuspended), Code::TENANT_SUSPENDED),
            (Error::Auth(AuthError::Busy { retry_after: None }), Code::RESOURCE_EXHAUSTED),
            (Error::Auth(AuthError::TooMany { retry_after: None }), Code::TOO_MANY_ATTEMPTS),
            (Error::Auth(AuthError::Unavailable { retry_after: None }), Code::UNAVAILABLE),
            (Error::Auth(AuthError::DeadlineExceeded), Code::DEADLINE_EXCEEDED),
            (Error::Auth(AuthError::Unexpected(Code::TOKEN_INVALID)), Code::INTERNAL),
            (Error::Auth(AuthError::Token(TokenError::Signing)), Code::INTERNAL),
            (Error::from(DbError::UnknownTenant), Code::TENANT_UNKNOWN),
            (Error::from(DbError::TenantSuspended), Code::TENANT_SUSPENDED),
        ] {
            assert_eq!(fault(&error.into_status("onboarding.test"), ERROR_CODES).code, code);
        }
    }

    #[test]
    fn auths_field_names_are_translated() {
        let from_auth = invalid_argument(vec![FieldViolation::new("email", "send an address")]);
        let error = Error::Auth(AuthError::from(fault(&from_auth, ERROR_CODES)));
        let violations = fault(&error.into_status("onboarding.test"), ERROR_CODES).violations;
        assert_eq!(violations, [FieldViolation::new("admin.email", "send an address")]);
    }
}
