//! [`RequestName`], the name of a request in logs, traces and metrics.

use std::borrow::Cow;
use std::fmt;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;

use crate::rest;
use crate::route::Route;

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
