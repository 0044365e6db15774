//! [`Route`], the address of an operation, and [`RequestName`], the name of a request in logs, traces and metrics.

use std::borrow::Cow;
use std::fmt;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use rowhouse_catalog::ServiceName;

use crate::rest;

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

/// The method and the route's template. Unknown methods and addresses are left out, since callers could fill the logs, the trace store
/// and the metrics with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestName {
    pub(crate) method: &'static str,
    pub(crate) route: Cow<'static, str>,
    pub(crate) scheme: &'static str,
}

/// The scheme of the addresses that clients use, which a proxy in front may serve.
#[derive(Clone, Copy)]
pub(crate) struct Scheme(pub(crate) &'static str);

impl RequestName {
    pub(crate) fn of(request: &ServiceRequest) -> Self {
        match rest::route(request.path()) {
            Some(route) => Self::at(route, request),
            None => Self {
                method: method(request.method()),
                route: request.match_pattern().map_or(Cow::Borrowed("unknown"), Cow::Owned),
                scheme: scheme(request),
            },
        }
    }

    /// Returns the name of a request whose route was looked up.
    pub(crate) fn at(route: Route, request: &ServiceRequest) -> Self {
        let route = Cow::Borrowed(route.template);
        Self { method: method(request.method()), route, scheme: scheme(request) }
    }
}

fn scheme(request: &ServiceRequest) -> &'static str {
    request.app_data::<Scheme>().map_or("http", |scheme| scheme.0)
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

impl fmt::Display for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.route)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderValue, SERVER};
    use actix_web::middleware::{Next, from_fn};
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

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

    async fn tell_name(
        request: ServiceRequest,
        next: Next<impl actix_web::body::MessageBody>,
    ) -> Result<actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>, actix_web::Error> {
        let name = HeaderValue::try_from(RequestName::of(&request).to_string()).unwrap();
        let mut response = next.call(request).await?;
        response.headers_mut().insert(SERVER, name);
        Ok(response)
    }

    #[actix_web::test]
    async fn a_request_is_named_by_its_route() {
        let files = web::to(HttpResponse::Ok);
        let app = App::new().route("/docs/{file:.*}", files).wrap(from_fn(tell_name));
        let app = init_service(app).await;
        let brew = TestRequest::default().method("BREW".parse().unwrap());
        for (request, name) in [
            (TestRequest::get().uri("/v1/orders/17?a=b"), "GET /v1/orders/{id}"),
            (TestRequest::delete().uri("/v1/orders/%1b"), "DELETE /v1/orders/{id}"),
            (TestRequest::get().uri("/docs/a/b"), "GET /docs/{file:.*}"),
            (brew.uri("/pot"), "_OTHER unknown"),
        ] {
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.headers().get(SERVER).unwrap(), name);
        }
    }
}
