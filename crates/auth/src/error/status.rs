//! The gRPC status for each error.

use std::time::Duration;

use rowhouse_chassis::cpu_pool::CpuPoolError;
use rowhouse_chassis::error::{
    Code, IntoStatus, MAX_METADATA, from_db, internal, invalid_argument, missing, retryable, status,
    status_with,
};
use rowhouse_chassis::limits;
use rowhouse_jobs::GlobalEnqueueError;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_tokens::TokenError;
use serde::Serialize;
use tonic::Status;

use super::Error;
use crate::domain::ActiveMembership;
use crate::hashing::HashingError;

/// The time after which concurrent calls for the same person have probably ended.
const CONTENTION_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The key in an error's metadata for the tenants to choose from.
const TENANTS_KEY: &str = "tenants";

/// The key in an error's metadata for the token of the second step of a login.
const MFA_TOKEN_KEY: &str = "mfa_token";

impl IntoStatus for Error {
    #[allow(clippy::too_many_lines, reason = "it is a table, with a row for each error")]
    fn into_status(self, operation: &'static str) -> Status {
        let (code, detail) = match self {
            Self::Invalid(violations) => return invalid_argument(violations),
            Self::TooManyAttempts { wait } => {
                limits::refused(limits::ATTEMPTS);
                return retryable(
                    Code::TOO_MANY_ATTEMPTS,
                    "too many attempts: wait before the next one",
                    wait,
                );
            }
            Self::TooManySignUps { wait } => {
                limits::refused(limits::SIGN_UPS);
                return retryable(
                    Code::TOO_MANY_ATTEMPTS,
                    "too many sign-ups: wait before the next one",
                    wait,
                );
            }
            Self::TooManyMessages { wait } => {
                limits::refused(limits::EMAILS);
                return retryable(
                    Code::TOO_MANY_ATTEMPTS,
                    "too many emails were requested: wait before the next one",
                    wait,
                );
            }
            Self::MfaRequired { mfa_token } => {
                return status_with(
                    error_code::MFA_REQUIRED,
                    "send a code of your second factor, together with the mfa_token",
                    [(MFA_TOKEN_KEY.to_owned(), mfa_token)],
                );
            }
            Self::TenantRequired(memberships) => {
                return status_with(
                    error_code::TENANT_REQUIRED,
                    "this person belongs to several tenants: name one of them, by its slug or its id, in `tenant`",
                    [(TENANTS_KEY.to_owned(), list(&memberships))],
                );
            }
            Self::Hashing(HashingError::Pool(CpuPoolError::Busy { retry_after })) => {
                return retryable(
                    Code::RESOURCE_EXHAUSTED,
                    "too many passwords are being checked at once: try again",
                    retry_after,
                );
            }
            Self::Contended => {
                return retryable(
                    Code::UNAVAILABLE,
                    "other requests were changing the same person: try again",
                    CONTENTION_RETRY_AFTER,
                );
            }
            Self::Missing(code) => return missing(code),
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
            Self::InvalidCredentials => (
                error_code::INVALID_CREDENTIALS,
                "the email address, the password or the tenant is wrong".into(),
            ),
            Self::InvalidMfaToken => (
                error_code::MFA_TOKEN_INVALID,
                "the mfa_token is invalid or has expired: log in again".into(),
            ),
            Self::InvalidMfaCode => (
                error_code::MFA_CODE_INVALID,
                "the code is wrong or was used before: send the next one".into(),
            ),
            Self::MfaEnabled => {
                (error_code::MFA_ENABLED, "there is a second factor already: remove it first".into())
            }
            Self::MfaNotEnabled => {
                (error_code::MFA_NOT_ENABLED, "there is no second factor: create a secret first".into())
            }
            Self::InvalidRefreshToken => (
                error_code::REFRESH_TOKEN_INVALID,
                "the refresh token is not valid any more: log in again".into(),
            ),
            Self::InvalidClient => {
                (error_code::INVALID_CLIENT, "the API key does not exist, was deleted or has expired".into())
            }
            Self::InvalidScope => {
                (error_code::INVALID_SCOPE, "request scopes that the API key has, or none to get all".into())
            }
            Self::InvalidOneTimeToken => (
                error_code::ONE_TIME_TOKEN_INVALID,
                "the link is invalid, was used before or has expired: request a new one".into(),
            ),
            Self::InvalidAccessToken(TokenError::Expired) => {
                (Code::TOKEN_EXPIRED, TokenError::Expired.to_string())
            }
            Self::InvalidAccessToken(reason) => (Code::TOKEN_INVALID, reason.to_string()),
            Self::EmailMismatch => {
                (error_code::EMAIL_MISMATCH, "this is for another email address than the caller's".into())
            }
            Self::AlreadyMember => (error_code::ALREADY_MEMBER, "this person is a member already".into()),
            Self::LastOwner => {
                (error_code::LAST_OWNER, "this is the only owner: make another member an owner first".into())
            }
            Self::AboveOwnRole => (
                Code::PERMISSION_DENIED,
                "only a member with this role or a higher one can give, change or remove it".into(),
            ),
            Self::NoActiveTenant => (
                Code::PERMISSION_DENIED,
                "this person is a member of no active tenant: onboard one, or ask to be added to one".into(),
            ),
            Self::NotAMember => (
                Code::PERMISSION_DENIED,
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
    use rowhouse_proto::ERROR_CODES;
    use rowhouse_tenancy::{DbError, TenantId};
    use rowhouse_tokens::Role;

    use super::*;

    fn answer(error: Error) -> Fault {
        fault(&error.into_status("auth.test"), ERROR_CODES)
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
            (Error::Invalid(Vec::new()), Code::INVALID_ARGUMENT),
            (Error::InvalidCredentials, error_code::INVALID_CREDENTIALS),
            (Error::NoActiveTenant, Code::PERMISSION_DENIED),
            (Error::TenantRequired(Vec::new()), error_code::TENANT_REQUIRED),
            (Error::NotAMember, Code::PERMISSION_DENIED),
            (Error::Denied(Denied::PeopleOnly), Code::PERMISSION_DENIED),
            (Error::Contended, Code::UNAVAILABLE),
            (Error::Hashing(busy().into()), Code::RESOURCE_EXHAUSTED),
            (Error::TooManySignUps { wait: Duration::from_secs(7) }, Code::TOO_MANY_ATTEMPTS),
            (Error::TooManyMessages { wait: Duration::from_secs(7) }, Code::TOO_MANY_ATTEMPTS),
            (Error::Token(TokenError::Signing), Code::INTERNAL),
            (Error::Db(DbError::TenantSuspended), Code::TENANT_SUSPENDED),
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
