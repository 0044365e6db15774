//! [`Error`], the reasons why a call of the auth service fails.

mod status;

use std::time::Duration;

use rowhouse_chassis::access::Denied;
use rowhouse_chassis::error::{Code, FieldViolation, Violations};
use rowhouse_chassis::idempotency::{MayBeTaken, RepeatError};
use rowhouse_chassis::limits::LimitExceeded;
use rowhouse_jobs::{EnqueueError, GlobalEnqueueError};
use rowhouse_tenancy::DbError;
use rowhouse_tokens::TokenError;
use totp_rs::TotpError;

use crate::domain::ActiveMembership;
use crate::encryption::DecryptError;
use crate::hashing::HashingError;

/// The error of a call.
///
/// An address without an identity and a wrong password are one variant, so that no answer can distinguish them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request has invalid fields")]
    Invalid(Vec<FieldViolation>),
    #[error("the email address, the password or the tenant is wrong")]
    InvalidCredentials,
    #[error("too many attempts")]
    TooManyAttempts { wait: Duration },
    #[error("too many sign-ups")]
    TooManySignUps { wait: Duration },
    #[error("too many messages")]
    TooManyMessages { wait: Duration },
    #[error("a second factor is needed")]
    MfaRequired { mfa_token: String },
    #[error("the token of the login's first step is not valid")]
    InvalidMfaToken,
    #[error("the code is wrong")]
    InvalidMfaCode,
    #[error("there is a second factor already")]
    MfaEnabled,
    #[error("there is no second factor")]
    MfaNotEnabled,
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    #[error("the API key is not valid")]
    InvalidClient,
    #[error("a scope is not one of the API key's")]
    InvalidScope,
    #[error("the token of a mailed link is not valid")]
    InvalidOneTimeToken,
    #[error("the access token in the message is not believed: {0}")]
    InvalidAccessToken(TokenError),
    #[error("the link is for another person")]
    EmailMismatch,
    #[error("the person is a member already")]
    AlreadyMember,
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    #[error("the tenant would have no owner")]
    LastOwner,
    /// The object is missing or another tenant's, which this service cannot distinguish.
    #[error("{}", .0.title())]
    Missing(Code),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("the role is above the caller's")]
    AboveOwnRole,
    #[error("the person is a member of no active tenant")]
    NoActiveTenant,
    #[error("the person belongs to several tenants")]
    TenantRequired(Vec<ActiveMembership>),
    #[error("the caller is no longer a member of the tenant")]
    NotAMember,
    #[error("the identity was created and removed again by others at the same moment, repeatedly")]
    Contended,
    #[error(transparent)]
    Hashing(#[from] HashingError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Totp(#[from] TotpError),
    #[error(transparent)]
    Enqueue(#[from] GlobalEnqueueError),
    #[error("a job cannot be written: {0}")]
    Job(serde_json::Error),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl MayBeTaken for Error {
    fn is_taken(&self) -> bool {
        matches!(self, Self::Repeat(RepeatError::Taken))
    }
}

impl From<EnqueueError> for Error {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Json(error) => Self::Job(error),
            EnqueueError::Db(error) => Self::Db(error),
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations.into())
    }
}
