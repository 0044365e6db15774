//! The layers around every request: its span, its log line, the handling of panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use futures_util::FutureExt;
use opentelemetry::trace::Status;
use rowhouse_chassis::error::Code;
use rowhouse_chassis::telemetry;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::error::Problem;
use crate::header_names::TRACEPARENT;

/// The requests about the gateway itself, which come every second and are neither traced nor logged.
const OPERATIONAL: [&str; 2] = ["/healthz", "/readyz"];

/// Continues the caller's trace with a span for the request, and logs its end. A panic fails one request, not the
/// connection.
pub(crate) async fn trace(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let operational = OPERATIONAL.contains(&request.path());
    let name = name(&request);
    let span = if operational { Span::none() } else { span(&request, &name) };
    let handled = async move {
        let pending = RequestLog { name: (!operational).then_some(name), started: Instant::now() };
        // The handler's borrowed state is dropped with it, and shared state is behind locks.
        let answered = AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await;
        let mut answered = answered.unwrap_or_else(|_panic| {
            tracing::error!("the handler panicked");
            Err(Problem::internal().into())
        });
        match &mut answered {
            Ok(response) => {
                let parent = telemetry::traceparent().and_then(|parent| HeaderValue::try_from(parent).ok());
                if let Some(parent) = parent {
                    response.headers_mut().insert(HeaderName::from_static(TRACEPARENT), parent);
                }
                pending.answered(response.status(), response.response().extensions().get().copied());
            }
            Err(error) => {
                let code = error.as_error::<Problem>().map(Problem::code);
                pending.answered(error.as_response_error().status_code(), code);
            }
        }
        answered
    };
    handled.instrument(span).await
}

/// Returns the method and the route's template. Unknown methods and paths are left out, since callers could fill the
/// logs and the trace store with names.
fn name(request: &ServiceRequest) -> String {
    let method = match *request.method() {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => request.method().as_str(),
        _ => "OTHER",
    };
    match request.match_pattern() {
        Some(route) => format!("{method} {route}"),
        None => format!("{method} unknown"),
    }
}

fn span(request: &ServiceRequest, name: &str) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = name,
        otel.kind = "server",
        tenant_id = Empty,
        trace_id = Empty,
    );
    // Attributes that only traces need are no fields, so that log lines do not repeat them.
    if let Some((method, route)) = name.split_once(' ') {
        span.set_attribute("http.request.method", method.to_owned());
        span.set_attribute("http.route", route.to_owned());
    }
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let parent = header(TRACEPARENT).map(sampled);
    telemetry::continue_trace(
        &span,
        |name| if name == TRACEPARENT { parent.as_deref() } else { header(name) },
    );
    span
}

/// Returns the caller's trace parent with the sampled flag set: callers do not decide whether a request is traced.
fn sampled(traceparent: &str) -> String {
    match traceparent.rsplit_once('-') {
        Some((ids, flags)) if flags.len() == 2 => format!("{ids}-01"),
        _ => traceparent.to_owned(),
    }
}

/// The log entry of a request in progress. It is written once, also when the caller disconnects.
struct RequestLog {
    name: Option<String>,
    started: Instant,
}

impl RequestLog {
    fn answered(mut self, status: StatusCode, code: Option<Code>) {
        let Some(name) = self.name.take() else { return };
        let span = Span::current();
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(code.map_or("", Code::as_str)));
        }
        let (request, latency_ms) = (&name, self.latency_ms());
        let (status, code) = (status.as_u16(), code.map(Code::as_str));
        if status == 500 {
            tracing::error!(request, status, code, latency_ms, "{request} {status}");
        } else {
            tracing::info!(request, status, code, latency_ms, "{request} {status}");
        }
    }

    fn latency_ms(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e3
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if let Some(request) = self.name.take() {
            let latency_ms = self.latency_ms();
            tracing::info!(request, latency_ms, "{request} was cancelled by its caller");
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderValue, SERVER};
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    #[actix_web::test]
    async fn a_panic_is_an_internal_error() {
        let panicking = web::get().to(async || -> HttpResponse { panic!("the key is hunter2") });
        let app = App::new().route("/panic", panicking).wrap(from_fn(trace));
        let app = init_service(app).await;
        let error = try_call_service(&app, TestRequest::with_uri("/panic").to_request()).await.unwrap_err();
        assert_eq!(error.as_error::<Problem>().map(Problem::code), Some(Code::INTERNAL));
        let again = call_service(&app, TestRequest::with_uri("/other").to_request()).await;
        assert_eq!(again.status(), StatusCode::NOT_FOUND);
    }

    async fn tell_name(
        request: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse, actix_web::Error> {
        let name = HeaderValue::try_from(name(&request)).unwrap();
        let mut response = next.call(request).await?;
        response.headers_mut().insert(SERVER, name);
        Ok(response)
    }

    #[actix_web::test]
    async fn a_request_is_named_by_its_route() {
        let app = App::new().route("/v1/orders/{id}", web::to(HttpResponse::Ok)).wrap(from_fn(tell_name));
        let app = init_service(app).await;
        let brew = TestRequest::default().method("BREW".parse().unwrap());
        for (request, name) in [
            (TestRequest::get().uri("/v1/orders/17?a=b"), "GET /v1/orders/{id}"),
            (TestRequest::delete().uri("/v1/orders/%1b"), "DELETE /v1/orders/{id}"),
            (brew.uri("/pot"), "OTHER unknown"),
        ] {
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.headers().get(SERVER).unwrap(), name);
        }
    }
}
