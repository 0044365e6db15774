//! The layers around every request: its span, its log line, the handling of panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use futures_util::FutureExt;
use opentelemetry::trace::Status;
use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::{was_handed_on, watch_calls};
use rowhouse_chassis::network::Network;
use rowhouse_chassis::telemetry::{self, REQUEST, TRACEPARENT, milliseconds};
use tracing::field::{self, Empty};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::error::Problem;
use crate::metrics::{self, Active};
use crate::origin::address;
use crate::request_name::RequestName;

/// The requests about the gateway itself, which come every second and are neither traced nor logged.
const OPERATIONAL: [&str; 2] = ["/healthz", "/readyz"];

/// Continues the caller's trace with a span for the request, and logs its end. A panic fails one request, not the
/// connection.
pub(crate) async fn trace(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let operational = OPERATIONAL.contains(&request.path());
    let name = RequestName::of(&request);
    let span = if operational { Span::none() } else { span(&request, &name) };
    let handled = async move {
        let pending = RequestLog::pending((!operational).then_some(name));
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
    watch_calls(handled.instrument(span)).await
}

fn span(request: &ServiceRequest, name: &RequestName) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = field::display(name),
        otel.kind = "server",
        tenant_id = Empty,
        trace_id = Empty,
        span_id = Empty,
        client = Empty,
    );
    // Attributes that only traces need are no fields, so that log lines do not repeat them.
    span.set_attribute("http.request.method", name.method);
    span.set_attribute("http.route", name.route.clone());
    span.set_attribute("url.scheme", name.scheme);
    // The network and not the address: the log is kept for longer than the address of a person is needed.
    if let Some(address) = address(request.request()).ok().flatten() {
        span.record("client", field::display(Network::from(address)));
    }
    telemetry::continue_trace(&span, |name| request.headers().get(name)?.to_str().ok());
    span
}

/// The log line and the measurement of a request in progress. They are written once, also when the caller disconnects.
struct RequestLog {
    name: Option<RequestName>,
    started: Instant,
    _active: Option<Active>,
}

impl RequestLog {
    /// `name` is `None` for a request that is neither logged nor measured.
    fn pending(name: Option<RequestName>) -> Self {
        let active = name.as_ref().map(Active::begin);
        Self { name, started: Instant::now(), _active: active }
    }

    fn answered(mut self, status: StatusCode, code: Option<Code>) {
        let Some(name) = self.name.take() else { return };
        let span = Span::current();
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(code.map_or("", Code::as_str)));
        }
        let duration = self.started.elapsed();
        metrics::ended(&name, Some(status), code, duration);
        let (request, latency_ms) = (field::display(&name), milliseconds(duration));
        let (status, code) = (status.as_u16(), code.map(Code::as_str));
        if status == 500 {
            tracing::error!(target: REQUEST, request, status, code, latency_ms, "{request} {status} {latency_ms} ms");
        } else if was_handed_on() || code == Some(Code::OVERLOADED.as_str()) {
            // The service that answered has written a line, and refusals for the load are too many.
            tracing::debug!(target: REQUEST, request, status, code, latency_ms, "{request} {status} {latency_ms} ms");
        } else {
            tracing::info!(target: REQUEST, request, status, code, latency_ms, "{request} {status} {latency_ms} ms");
        }
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            let duration = self.started.elapsed();
            metrics::ended(&name, None, None, duration);
            let request = field::display(&name);
            let latency_ms = milliseconds(duration);
            tracing::info!(
                target: REQUEST, request, latency_ms, "{request} was cancelled by its caller after {latency_ms} ms"
            );
        }
    }
}

#[cfg(test)]
mod tests {
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
}
