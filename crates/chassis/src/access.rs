//! The check whether a caller may make a call, and on whose behalf.
//!
//! [`AccessRules`] are what the API definition declares, and a layer in front of the handlers enforces them. The functions are
//! for handlers, which ask who calls and decide what depends on the object.

mod rules;

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Permission, Principal};
use tonic::{Request, Status};
use uuid::Uuid;

pub use rules::{AccessRules, Rule, UnknownRule, WithoutRules};

use crate::error::{Code, IntoStatus, internal, status, status_with};

/// The key of the permission that the caller lacks in an error's metadata.
pub const PERMISSION_KEY: &str = "permission";

/// The reason why a caller may not make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The caller lacks the permission.
    #[error("the caller has not the permission {0}")]
    Permission(Permission),
    /// The call is for people and API keys.
    #[error("the call is for the tokens of people and API keys")]
    MembersOnly,
    /// The call is for people.
    #[error("the call is for people's access tokens")]
    PeopleOnly,
    /// The call is for a service.
    #[error("the call is for the {0} service")]
    ServiceOnly(ServiceName),
    /// The token has not been verified, which is the server's own fault.
    #[error("the call has no verified token; the server lacks the layer that verifies")]
    Unauthenticated,
    /// The API definition has no such method.
    #[error("no rule says who may call the method")]
    NoRule,
}

impl IntoStatus for Denied {
    fn into_status(self, operation: &'static str) -> Status {
        let detail = match self {
            Self::Permission(permission) => {
                let detail = format!(
                    "this takes the permission {permission}, which your role or API key does not have: ask an administrator of your company"
                );
                let metadata = [(PERMISSION_KEY.to_owned(), permission.to_string())];
                return status_with(Code::PERMISSION_DENIED, detail, metadata);
            }
            Self::MembersOnly => {
                "this call takes a person's or an API key's access token, not a service's".to_owned()
            }
            Self::PeopleOnly => {
                "this call takes a person's access token, not an API key's or a service's".to_owned()
            }
            Self::ServiceOnly(service) => format!("only the {service} service may make this call"),
            Self::Unauthenticated => return internal(operation, &self),
            // As tonic answers for a method that it does not know. It is no fault, as clients may be newer than the server.
            Self::NoRule => return Status::unimplemented("there is no such method"),
        };
        status(Code::PERMISSION_DENIED, detail)
    }
}

/// Returns the tenant, and the caller in it, of a request whose token has been verified.
pub fn context<T>(request: &Request<T>) -> Result<TenantContext, Denied> {
    rowhouse_tenancy::grpc::context(request).cloned().ok_or(Denied::Unauthenticated)
}

/// Returns the id of the person on whose behalf a call is made.
pub fn person(cx: &TenantContext) -> Result<Uuid, Denied> {
    match cx.principal() {
        Some(Principal::User { id, .. }) => Ok(*id),
        Some(Principal::ApiKey { .. } | Principal::Service { .. }) | None => Err(Denied::PeopleOnly),
    }
}

/// Returns the id of the person or the API key on whose behalf a call is made.
pub fn member(cx: &TenantContext) -> Result<Uuid, Denied> {
    match cx.principal() {
        Some(Principal::User { id, .. } | Principal::ApiKey { id, .. }) => Ok(*id),
        Some(Principal::Service { .. }) | None => Err(Denied::MembersOnly),
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::{SystemOrigin, TenantId};
    use rowhouse_tokens::Role;

    use super::*;
    use crate::error::fault;

    #[test]
    fn without_a_verified_token_nothing_is_done() {
        assert_eq!(context(&Request::new(())).unwrap_err(), Denied::Unauthenticated);
    }

    #[test]
    fn the_system_itself_is_no_caller() {
        let mut request = Request::new(());
        request.extensions_mut().insert(TenantContext::system(SystemOrigin::Job, TenantId::generate()));
        let cx = context(&request).unwrap();
        assert_eq!((person(&cx), member(&cx)), (Err(Denied::PeopleOnly), Err(Denied::MembersOnly)));
    }

    #[test]
    fn a_method_without_a_rule_does_not_exist() {
        assert_eq!(Denied::NoRule.into_status("test").code(), tonic::Code::Unimplemented);
    }

    #[test]
    fn each_has_its_code() {
        let permission = Permission::new("jobs:manage", "Cancel background jobs", Role::Admin);
        for (denied, code) in [
            (Denied::Permission(permission), Code::PERMISSION_DENIED),
            (Denied::MembersOnly, Code::PERMISSION_DENIED),
            (Denied::PeopleOnly, Code::PERMISSION_DENIED),
            (Denied::ServiceOnly(ServiceName::Onboarding), Code::PERMISSION_DENIED),
            (Denied::Unauthenticated, Code::INTERNAL),
        ] {
            let fault = fault(&denied.into_status("test"), Code::COMMON);
            assert_eq!(fault.code, code, "{denied}");
            let missing = matches!(denied, Denied::Permission(_)).then_some("jobs:manage");
            assert_eq!(fault.metadata.get(PERMISSION_KEY).map(String::as_str), missing, "{denied}");
        }
    }
}
