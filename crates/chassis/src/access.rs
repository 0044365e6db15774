//! Whether a caller may make a call, and in whose name.
//!
//! The layers in front of the handlers have verified the token by then. [`authorize`] is all that a handler needs; the rest is for
//! calls that ask for another proof than a permission.

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Permission, Principal};
use tonic::{Request, Status};
use uuid::Uuid;

use crate::error::{Code, IntoStatus, internal, status};

/// Why a caller may not make a call.
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
    /// Nobody verified a token, which is the server's own fault.
    #[error("the call has no verified token; the server lacks the layer that verifies")]
    Unauthenticated,
}

impl IntoStatus for Denied {
    fn into_status(self, operation: &'static str) -> Status {
        let detail = match self {
            Self::Permission(permission) => format!(
                "this takes the permission {permission}, which your role or API key does not have: ask an administrator of your company"
            ),
            Self::MembersOnly => {
                "this call takes a person's or an API key's access token, not a service's".to_owned()
            }
            Self::PeopleOnly => {
                "this call takes a person's access token, not an API key's or a service's".to_owned()
            }
            Self::ServiceOnly(service) => format!("only the {service} service may make this call"),
            Self::Unauthenticated => return internal(operation, &self),
        };
        status(Code::PermissionDenied, detail)
    }
}

/// On whose behalf a call is made, if it is a person or an API key that has the permission.
pub fn authorize<T>(request: &Request<T>, permission: Permission) -> Result<TenantContext, Denied> {
    let cx = context(request)?;
    match cx.principal() {
        Some(principal) if principal.may(permission) => Ok(cx.clone()),
        Some(Principal::User { .. } | Principal::ApiKey { .. }) => Err(Denied::Permission(permission)),
        Some(Principal::Service { .. }) | None => Err(Denied::MembersOnly),
    }
}

/// On whose behalf a call is made, whoever it is.
pub fn context<T>(request: &Request<T>) -> Result<&TenantContext, Denied> {
    rowhouse_tenancy::grpc::context(request).ok_or(Denied::Unauthenticated)
}

/// The tenant that a service acts for, if the call is made by that service.
pub fn service_only<T>(request: &Request<T>, service: ServiceName) -> Result<TenantContext, Denied> {
    let cx = context(request)?;
    match cx.principal() {
        Some(Principal::Service { name }) if name == service.program() => Ok(cx.clone()),
        _ => Err(Denied::ServiceOnly(service)),
    }
}

/// The id of the person on whose behalf a call is made.
pub fn person(cx: &TenantContext) -> Result<Uuid, Denied> {
    match cx.principal() {
        Some(Principal::User { id, .. }) => Ok(*id),
        Some(Principal::ApiKey { .. } | Principal::Service { .. }) | None => Err(Denied::PeopleOnly),
    }
}

/// The id of the person or the API key on whose behalf a call is made.
pub fn member(cx: &TenantContext) -> Result<Uuid, Denied> {
    match cx.principal() {
        Some(Principal::User { id, .. } | Principal::ApiKey { id, .. }) => Ok(*id),
        Some(Principal::Service { .. }) | None => Err(Denied::MembersOnly),
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::{SystemOrigin, TenantId};

    use super::*;
    use crate::error::fault;

    #[test]
    fn without_a_verified_token_nothing_is_done() {
        let request = Request::new(());
        assert_eq!(authorize(&request, Permission::OrdersRead).unwrap_err(), Denied::Unauthenticated);
        assert_eq!(service_only(&request, ServiceName::Onboarding).unwrap_err(), Denied::Unauthenticated);
    }

    #[test]
    fn the_system_itself_is_no_caller() {
        let mut request = Request::new(());
        request.extensions_mut().insert(TenantContext::system(SystemOrigin::Job, TenantId::generate()));
        assert_eq!(authorize(&request, Permission::OrdersRead).unwrap_err(), Denied::MembersOnly);
        let cx = context(&request).unwrap();
        assert_eq!((person(cx), member(cx)), (Err(Denied::PeopleOnly), Err(Denied::MembersOnly)));
    }

    #[test]
    fn each_has_its_code() {
        for (denied, code) in [
            (Denied::Permission(Permission::JobsManage), Code::PermissionDenied),
            (Denied::MembersOnly, Code::PermissionDenied),
            (Denied::PeopleOnly, Code::PermissionDenied),
            (Denied::ServiceOnly(ServiceName::Onboarding), Code::PermissionDenied),
            (Denied::Unauthenticated, Code::Internal),
        ] {
            assert_eq!(fault(&denied.into_status("test")).code, code, "{denied}");
        }
    }
}
