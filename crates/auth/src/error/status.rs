//! The gRPC status for each error.

use std::time::Duration;

use rowhouse_chassis::cpu_pool::CpuPoolError;
use rowhouse_chassis::error::{
    Code, IntoStatus, MAX_METADATA, from_db, internal, invalid_argument, retryable, status, status_with,
};
use rowhouse_jobs::GlobalEnqueueError;
use rowhouse_tokens::TokenError;
use serde::Serialize;
use tonic::Status;

use super::{Error, Missing};
use crate::domain::ActiveMembership;
use crate::hashing::HashingError;

/// The time after which concurrent calls for the same person have probably ended.
const CONTENTION_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The key in an error's metadata for the tenants to choose from.
const TENANTS_KEY: &str = "tenants";

/// The key in an error's metadata for the token of the second step of a login.
const MFA_TOKEN_KEY: &str = "mfa_token";

impl Missing {
    const fn code(self) -> Code {
        match self {
            Self::Member => Code::MemberNotFound,
            Self::Session => Code::SessionNotFound,
            Self::Invitation => Code::InvitationNotFound,
            Self::ApiKey => Code::ApiKeyNotFound,
        }
    }
}

impl IntoStatus for Error {
    #[allow(clippy::too_many_lines, reason = "it is a table, with a row for each error")]
    fn into_status(self, operation: &'static str) -> Status {
        let (code, detail) = match self {
            Self::Invalid(violations) => return invalid_argument(violations),
            Self::TooManyAttempts { wait } => {
                return retryable(Code::TooManyAttempts, "too many attempts: wait before the next one", wait);
            }
            Self::TooManyMessages { wait } => {
                return retryable(
                    Code::TooManyAttempts,
                    "this would send a message, and there were too many of them: wait before the next one",
                    wait,
                );
            }
            Self::MfaRequired { mfa_token } => {
                return status_with(
                    Code::MfaRequired,
                    "send a code of your second factor, together with the mfa_token",
                    [(MFA_TOKEN_KEY.to_owned(), mfa_token)],
                );
            }
            Self::TenantRequired(memberships) => {
                return status_with(
                    Code::TenantRequired,
                    "this person belongs to several tenants: name one of them, by its slug or its id, in `tenant`",
                    [(TENANTS_KEY.to_owned(), list(&memberships))],
                );
            }
            Self::Hashing(HashingError::Pool(CpuPoolError::Busy { retry_after })) => {
                return retryable(
                    Code::ResourceExhausted,
                    "too many passwords are being checked at once: try again",
                    retry_after,
                );
            }
            Self::Contended => {
                return retryable(
                    Code::Unavailable,
                    "others were changing the same person: try again",
                    CONTENTION_RETRY_AFTER,
                );
            }
            Self::Denied(denied) => return denied.into_status(operation),
            Self::Limit(exceeded) => return exceeded.into(),
            Self::Repeat(error) => return error.into_status(operation),
            Self::Db(error) | Self::Enqueue(GlobalEnqueueError::Db(error)) => {
                return from_db(operation, &error);
            }
            error @ (Self::Hashing(_)
            | Self::Token(_)
            | Self::Decrypt(_)
            | Self::Random(_)
            | Self::Totp(_)
            | Self::Enqueue(_)
            | Self::Job(_)) => return internal(operation, &error),
            Self::InvalidCredentials => {
                (Code::InvalidCredentials, "the e-mail address, the password or the tenant is wrong".into())
            }
            Self::InvalidMfaToken => {
                (Code::MfaTokenInvalid, "the mfa_token has expired or is not one: log in again".into())
            }
            Self::InvalidMfaCode => {
                (Code::MfaCodeInvalid, "the code is wrong or was used before: send the next one".into())
            }
            Self::MfaEnabled => {
                (Code::MfaEnabled, "there is a second factor already: remove it first".into())
            }
            Self::MfaNotEnabled => {
                (Code::MfaNotEnabled, "there is no second factor: ask for a secret first".into())
            }
            Self::InvalidRefreshToken => {
                (Code::RefreshTokenInvalid, "the refresh token is not valid any more: log in again".into())
            }
            Self::InvalidClient => {
                (Code::InvalidClient, "the API key does not exist, was deleted or has expired".into())
            }
            Self::InvalidScope => {
                (Code::InvalidScope, "ask for scopes that the API key has, or for none to get all".into())
            }
            Self::InvalidOneTimeToken => (
                Code::OneTimeTokenInvalid,
                "the link was used before, has expired or is not one: ask for a new one".into(),
            ),
            Self::InvalidAccessToken(TokenError::Expired) => {
                (Code::TokenExpired, TokenError::Expired.to_string())
            }
            Self::InvalidAccessToken(reason) => (Code::TokenInvalid, reason.to_string()),
            Self::EmailMismatch => {
                (Code::EmailMismatch, "this is for another e-mail address than the caller's".into())
            }
            Self::AlreadyMember => (Code::AlreadyMember, "this person is a member already".into()),
            Self::LastOwner => {
                (Code::LastOwner, "this is the only owner: make another member an owner first".into())
            }
            Self::NotFound(missing) => (missing.code(), missing.to_string()),
            Self::AboveOwnRole => (
                Code::PermissionDenied,
                "nobody gives, changes or takes away a role above their own: ask somebody who has it".into(),
            ),
            Self::NoActiveTenant => (
                Code::PermissionDenied,
                "this person is a member of no active tenant: onboard one, or ask to be added to one".into(),
            ),
            Self::NotAMember => (
                Code::PermissionDenied,
                "you are no longer a member of the access token's tenant: log in to another".into(),
            ),
        };
        status(code, detail)
    }
}

/// Returns the tenants as a JSON array, as many as fit into an answer. A person with more has to name one without
/// seeing it.
fn list(memberships: &[ActiveMembership]) -> String {
    #[derive(Serialize)]
    struct Tenant<'a> {
        id: String,
        slug: &'a str,
        name: &'a str,
    }
    let mut listed = Vec::new();
    let mut room = MAX_METADATA - TENANTS_KEY.len() - "[]".len();
    for ActiveMembership { tenant, slug, name, role: _ } in memberships {
        let one = serde_json::to_string(&Tenant { id: tenant.to_string(), slug, name });
        // Strings can always be written as JSON.
        let Ok(one) = one else { continue };
        let Some(rest) = room.checked_sub(one.len() + ",".len()) else { break };
        room = rest;
        listed.push(one);
    }
    format!("[{}]", listed.join(","))
}

#[cfg(test)]
mod tests {
    use rowhouse_chassis::access::Denied;
    use rowhouse_chassis::error::{Fault, fault};
    use rowhouse_tenancy::{DbError, TenantId};
    use rowhouse_tokens::Role;

    use super::*;

    fn answer(error: Error) -> Fault {
        fault(&error.into_status("auth.test"))
    }

    fn busy() -> CpuPoolError {
        CpuPoolError::Busy { retry_after: Duration::from_secs(7) }
    }

    fn membership(name: &str) -> ActiveMembership {
        let (slug, name) = ("acme".to_owned(), name.to_owned());
        ActiveMembership { tenant: TenantId::generate(), slug, name, role: Role::Member }
    }

    #[test]
    fn each_outcome_has_its_code() {
        for (error, code) in [
            (Error::Invalid(Vec::new()), Code::InvalidArgument),
            (Error::InvalidCredentials, Code::InvalidCredentials),
            (Error::NoActiveTenant, Code::PermissionDenied),
            (Error::TenantRequired(Vec::new()), Code::TenantRequired),
            (Error::NotAMember, Code::PermissionDenied),
            (Error::Denied(Denied::PeopleOnly), Code::PermissionDenied),
            (Error::Contended, Code::Unavailable),
            (Error::Hashing(busy().into()), Code::ResourceExhausted),
            (Error::TooManyMessages { wait: Duration::from_secs(7) }, Code::TooManyAttempts),
            (Error::Token(TokenError::Signing), Code::Internal),
            (Error::Db(DbError::TenantSuspended), Code::TenantSuspended),
        ] {
            assert_eq!(answer(error).code, code);
        }
        let expected = Some(Duration::from_secs(7));
        assert_eq!(answer(Error::Hashing(busy().into())).retry_after, expected);
        assert_eq!(answer(Error::TooManyMessages { wait: Duration::from_secs(7) }).retry_after, expected);
    }

    #[test]
    fn the_tenants_to_choose_from_are_json() {
        let both = vec![membership("Acme \"&\" Söhne"), membership("Globex")];
        let listed = answer(Error::TenantRequired(both.clone())).metadata;
        let listed: serde_json::Value = serde_json::from_str(&listed["tenants"]).unwrap();
        let expected: Vec<_> = both
            .iter()
            .map(|one| serde_json::json!({"id": one.tenant.to_string(), "slug": one.slug, "name": one.name}))
            .collect();
        assert_eq!(listed, serde_json::Value::from(expected));
    }

    #[test]
    fn more_tenants_than_fit_are_still_an_answer() {
        let many = (0..1000).map(|_| membership(&"ü".repeat(200))).collect();
        let listed = answer(Error::TenantRequired(many)).metadata;
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed["tenants"]).unwrap();
        assert!(listed.len() > 5, "{}", listed.len());
    }
}
