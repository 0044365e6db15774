//! What can go wrong in a call, and what the caller is told of it.

use std::collections::HashMap;
use std::time::Duration;

use rowhouse_chassis::error::{
    Code, FieldViolation, MAX_METADATA, Violations, from_db, internal, invalid_argument, retryable, status,
    status_with,
};
use rowhouse_tenancy::DbError;
use rowhouse_tokens::TokenError;
use serde::Serialize;
use tonic::Status;

use crate::domain::ActiveMembership;
use crate::hashing::HashingError;

/// When a full queue of passwords is likely to have moved on.
const HASHING_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The key of the error's metadata under which the tenants stand that a caller can choose from.
const TENANTS_KEY: &str = "tenants";

/// The outcome of a call that did not succeed.
///
/// An address without an identity and a wrong password are one variant, so that no answer can tell them
/// apart.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request has invalid fields")]
    Invalid(Vec<FieldViolation>),
    #[error("the e-mail address, the password or the tenant is wrong")]
    InvalidCredentials,
    #[error("the person is a member of no active tenant")]
    NoActiveTenant,
    #[error("the person belongs to several tenants")]
    TenantRequired(Vec<ActiveMembership>),
    #[error("the caller is no longer a member of the tenant")]
    NotAMember,
    #[error("the call is for people's access tokens")]
    PeopleOnly,
    #[error("the call is for the onboarding service")]
    OnboardingOnly,
    #[error("the call has no verified token; the server lacks the layer that verifies")]
    Unauthenticated,
    #[error("the identity was created and removed again by others at the same moment, repeatedly")]
    Contended,
    #[error(transparent)]
    Hashing(#[from] HashingError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Error {
    /// The answer to the caller. `operation` is what the log calls it when the fault is the service's own.
    pub(crate) fn into_status(self, operation: &'static str) -> Status {
        match self {
            Self::Invalid(violations) => invalid_argument(violations),
            Self::InvalidCredentials => {
                status(Code::InvalidCredentials, "the e-mail address, the password or the tenant is wrong")
            }
            Self::NoActiveTenant => status(
                Code::PermissionDenied,
                "this person is a member of no active tenant: onboard one, or ask to be added to one",
            ),
            Self::TenantRequired(memberships) => status_with(
                Code::TenantRequired,
                "this person belongs to several tenants: name one of them, by its slug or its id, in `tenant`",
                HashMap::from([(TENANTS_KEY.to_owned(), list(&memberships))]),
            ),
            Self::NotAMember => status(
                Code::PermissionDenied,
                "you are no longer a member of the access token's tenant: log in to another",
            ),
            Self::PeopleOnly => {
                status(Code::PermissionDenied, "this call takes a person's access token, not a service's")
            }
            Self::OnboardingOnly => {
                status(Code::PermissionDenied, "only the onboarding service may make members")
            }
            Self::Hashing(HashingError::Busy) => retryable(
                Code::ResourceExhausted,
                "too many passwords are being checked at once: try again",
                HASHING_RETRY_AFTER,
            ),
            Self::Contended => retryable(
                Code::Unavailable,
                "others were changing the same person: try again",
                HASHING_RETRY_AFTER,
            ),
            Self::Db(error) => from_db(operation, &error),
            Self::Hashing(
                error @ (HashingError::Bcrypt(_) | HashingError::Thread(_) | HashingError::Closed(_)),
            ) => internal(operation, &error),
            Self::Token(error) => internal(operation, &error),
            error @ Self::Unauthenticated => internal(operation, &error),
        }
    }
}

/// The tenants as a JSON array, as many as fit into an answer: a person in more tenants than that names one
/// without being shown it.
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

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations.into())
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_chassis::error::{Fault, fault};
    use rowhouse_tenancy::TenantId;
    use rowhouse_tokens::Role;

    use super::*;

    fn answer(error: Error) -> Fault {
        fault(&error.into_status("auth.test"))
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
            (Error::PeopleOnly, Code::PermissionDenied),
            (Error::OnboardingOnly, Code::PermissionDenied),
            (Error::Unauthenticated, Code::Internal),
            (Error::Contended, Code::Unavailable),
            (Error::Hashing(HashingError::Busy), Code::ResourceExhausted),
            (Error::Token(TokenError::Signing), Code::Internal),
            (Error::Db(DbError::TenantSuspended), Code::TenantSuspended),
        ] {
            assert_eq!(answer(error).code, code);
        }
        assert!(answer(Error::Hashing(HashingError::Busy)).retry_after.is_some());
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
