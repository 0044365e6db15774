//! The method of a call, with its span and log line.

use http::{HeaderMap, Response};
use opentelemetry::Value;
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME,
};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};
use tracing::Span;
use tracing::field::{self, Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::metrics::{self, Ended};
use crate::error::{Code, code_name};
use crate::network::Network;
use crate::telemetry::{self, REQUEST, milliseconds};

/// The name of a method from the path of a call.
pub(super) struct Rpc<'a> {
    service: &'a str,
    method: &'a str,
}

impl<'a> Rpc<'a> {
    /// Parses a path. One that is not a method's is not recorded, since callers could fill the logs and the trace
    /// store with names.
    pub(super) fn of(path: &'a str) -> Self {
        let named = |text: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
            !text.is_empty() && text.len() <= 100 && text.bytes().all(known)
        };
        match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
            Some((service, method)) if named(service) && named(method) => Self { service, method },
            _ => Self { service: "unknown", method: "unknown" },
        }
    }

    /// Returns whether the call is about the server itself. Such calls come every second and are neither traced nor
    /// logged.
    pub(super) fn is_operational(&self) -> bool {
        self.service.starts_with("grpc.health.") || self.service.starts_with("grpc.reflection.")
    }

    /// Returns the name by which the call is measured, or `None` if it is not.
    pub(super) fn measured_name(&self) -> Option<String> {
        (!self.is_operational()).then(|| self.name())
    }

    fn name(&self) -> String {
        format!("{}/{}", self.service, self.method)
    }

    /// Creates the span of a call to this server. It continues the caller's trace.
    ///
    /// It has the client's network and not the address: the log is kept for longer than the address of a person is needed.
    pub(super) fn server_span(&self, headers: &HeaderMap, client: Option<Network>) -> Span {
        let span = tracing::info_span!(
            "rpc",
            otel.name = self.name(),
            otel.kind = "server",
            tenant_id = Empty,
            trace_id = Empty,
            span_id = Empty,
            client = client.map(field::display),
        );
        self.describe(&span);
        telemetry::continue_trace(&span, |name| headers.get(name)?.to_str().ok());
        span
    }

    /// Creates the span of a call from this process.
    pub(super) fn client_span(&self) -> Span {
        let span = tracing::info_span!("rpc call", otel.name = self.name(), otel.kind = "client");
        self.describe(&span);
        span
    }

    /// Adds the attributes that only traces need. They are no fields, so that log lines do not repeat them.
    fn describe(&self, span: &Span) {
        span.set_attribute(RPC_SYSTEM_NAME, "grpc");
        span.set_attribute(RPC_METHOD, self.name());
    }
}

/// The log line and the measurement of a call in progress. They are written once, also when the caller disconnects.
pub(super) struct CallLog {
    rpc: Option<String>,
    /// True if the method exists. The names of others are not measured, since callers could invent them without end.
    exists: bool,
    started: Instant,
}

impl CallLog {
    pub(super) fn pending(rpc: &Rpc<'_>, exists: bool) -> Self {
        Self { rpc: rpc.measured_name(), exists, started: Instant::now() }
    }

    /// Records the status if the headers of the answer have it.
    pub(super) fn answered(self, response: &Response<Body>) {
        let status = response.extensions().get::<Status>();
        self.settle(code(response), status);
    }

    /// Records the status that follows the answer.
    pub(super) fn ended(self, status: &Status) {
        let failed = status.code() != GrpcCode::Ok;
        self.settle(status.code(), failed.then_some(status));
    }

    fn settle(mut self, code: GrpcCode, status: Option<&Status>) {
        record_code(&Span::current(), code);
        let Some(rpc) = self.rpc.take() else { return };
        let (reason, duration) = (status.map(code_name), self.started.elapsed());
        let latency_ms = milliseconds(duration);
        if matches!(code, GrpcCode::Internal | GrpcCode::Unknown | GrpcCode::DataLoss) {
            tracing::error!(target: REQUEST, rpc, ?code, reason, latency_ms, "{rpc} {code:?} {latency_ms} ms");
        } else if reason.as_deref() == Some(Code::OVERLOADED.as_str()) {
            // There are too many of them; `chassis::admission` says that there are some.
            tracing::debug!(target: REQUEST, rpc, ?code, reason, latency_ms, "{rpc} {code:?} {latency_ms} ms");
        } else {
            tracing::info!(target: REQUEST, rpc, ?code, reason, latency_ms, "{rpc} {code:?} {latency_ms} ms");
        }
        self.measure(rpc, Ended { code, reason, duration });
    }

    fn measure(&self, rpc: String, ended: Ended) {
        metrics::server(if self.exists { rpc.into() } else { Value::from(metrics::OTHER) }, ended);
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        if let Some(rpc) = self.rpc.take() {
            let (code, duration) = (GrpcCode::Cancelled, self.started.elapsed());
            let latency_ms = milliseconds(duration);
            tracing::info!(
                target: REQUEST, rpc, ?code, latency_ms, "{rpc} was cancelled by its caller after {latency_ms} ms"
            );
            self.measure(rpc, Ended { code, reason: None, duration });
        }
    }
}

/// Records a call's status in its span, and returns it.
pub(super) fn record_status(span: &Span, response: &Response<Body>) -> GrpcCode {
    let code = code(response);
    record_code(span, code);
    code
}

fn record_code(span: &Span, code: GrpcCode) {
    let status = metrics::status(code);
    span.set_attribute(RPC_RESPONSE_STATUS_CODE, status);
    if matches!(
        code,
        GrpcCode::Unknown
            | GrpcCode::DeadlineExceeded
            | GrpcCode::Unimplemented
            | GrpcCode::Internal
            | GrpcCode::Unavailable
            | GrpcCode::DataLoss
    ) {
        span.set_attribute(ERROR_TYPE, status);
        span.set_status(opentelemetry::trace::Status::error(code.description()));
    }
}

/// Returns whether the answer has a body, so that its status is still to come.
pub(super) fn begins_well(response: &Response<Body>) -> bool {
    !response.headers().contains_key(Status::GRPC_STATUS)
}

/// Returns the status of a unary call. An error has it in the headers; a success has it in the trailers, which are
/// still to come.
fn code(response: &Response<Body>) -> GrpcCode {
    let status = response.headers().get(Status::GRPC_STATUS);
    status.map_or(GrpcCode::Ok, |value| GrpcCode::from_bytes(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_named_and_anything_else_is_not() {
        for (path, name) in [
            ("/auth.v1.AuthService/Login", "auth.v1.AuthService/Login"),
            ("/auth.v1.AuthService", "unknown/unknown"),
            ("/a/b/c", "unknown/unknown"),
            ("/a/\u{1b}[31m", "unknown/unknown"),
            ("//", "unknown/unknown"),
            ("", "unknown/unknown"),
        ] {
            assert_eq!(Rpc::of(path).name(), name, "{path}");
        }
        assert_eq!(Rpc::of(&format!("/{}/b", "a".repeat(101))).name(), "unknown/unknown");
    }

    #[test]
    fn the_server_itself_is_not_traced() {
        assert!(Rpc::of("/grpc.health.v1.Health/Check").is_operational());
        assert!(Rpc::of("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo").is_operational());
        assert!(!Rpc::of("/orders.v1.OrderService/GetOrder").is_operational());
    }

    #[test]
    fn the_code_is_read_from_the_headers() {
        assert_eq!(code(&Response::new(Body::empty())), GrpcCode::Ok);
        assert_eq!(code(&Status::not_found("x").into_http()), GrpcCode::NotFound);
    }
}
