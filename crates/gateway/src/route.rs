//! [`Route`], the address of an operation.

use actix_web::http::Method;
use rowhouse_catalog::ServiceName;

/// The address of an operation of the API definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The address with the names of its parameters, such as `/v1/orders/{id}`.
    pub(crate) template: &'static str,
    /// The service that is called.
    pub(crate) service: ServiceName,
    /// The methods that are called in the tenant of the caller's token.
    pub(crate) in_tenant: &'static [&'static str],
}

impl Route {
    /// Returns whether a request is made in the tenant of its token.
    pub(crate) fn is_in_tenant(&self, method: &Method) -> bool {
        let method = if *method == Method::HEAD { Method::GET.as_str() } else { method.as_str() };
        self.in_tenant.contains(&method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest;

    #[test]
    fn an_address_has_its_route_and_its_service() {
        for (path, expected) in [
            ("/v1/orders", Some(("/v1/orders", ServiceName::Orders))),
            ("/v1/orders/17", Some(("/v1/orders/{id}", ServiceName::Orders))),
            ("/v1/sessions/17", Some(("/v1/sessions/{id}", ServiceName::Auth))),
            ("/v1/tenants", Some(("/v1/tenants", ServiceName::Onboarding))),
            ("/v1/orders/", None),
            ("/v1//orders", None),
            ("v1/orders", None),
            ("/v1/orders/17/lines/1/2/3", None),
            ("/healthz", None),
            ("", None),
        ] {
            let found = rest::route(path).map(|Route { template, service, .. }| (template, service));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn what_needs_no_token_is_in_no_tenant() {
        for (method, path, expected) in [
            (Method::GET, "/v1/orders", true),
            (Method::HEAD, "/v1/orders", true),
            (Method::DELETE, "/v1/orders", false),
            (Method::POST, "/v1/auth/refresh", false),
            (Method::POST, "/v1/auth/login", false),
            (Method::POST, "/v1/auth/password/change", true),
        ] {
            assert_eq!(rest::route(path).unwrap().is_in_tenant(&method), expected, "{method} {path}");
        }
    }
}
