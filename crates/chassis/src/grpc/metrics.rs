//! Metrics of calls: their durations, by method and status, at the server and at the client.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, Value};
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME,
};
use opentelemetry_semantic_conventions::metric::{RPC_CLIENT_CALL_DURATION, RPC_SERVER_CALL_DURATION};
use tonic::Code as GrpcCode;

use crate::telemetry::{SECONDS, meter};

/// The name that stands for all methods that do not exist, which callers could invent without end.
pub(super) const OTHER: &str = "_OTHER";

static SERVER: LazyLock<Histogram<f64>> =
    LazyLock::new(|| durations(RPC_SERVER_CALL_DURATION, "Duration of the calls that this process answered"));
static CLIENT: LazyLock<Histogram<f64>> =
    LazyLock::new(|| durations(RPC_CLIENT_CALL_DURATION, "Duration of the calls that this process made"));

static RETRIES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.rpc.retries")
        .with_unit("{attempt}")
        .with_description("Calls that were sent again, by reason")
        .build()
});

/// Makes the counters begin at 0, so that the first retry is an increase.
pub(super) fn expect_retries() {
    for reason in ["not_accepted", "unreachable", "lost", "unavailable"] {
        add_retries(0, reason);
    }
}

/// Records that a call is sent again.
pub(super) fn retried(reason: &'static str) {
    add_retries(1, reason);
}

fn add_retries(count: u64, reason: &'static str) {
    RETRIES.add(count, &[KeyValue::new("rowhouse.rpc.retry.reason", reason)]);
}

fn durations(name: &'static str, description: &'static str) -> Histogram<f64> {
    let meter = meter();
    let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
    histogram.with_boundaries(SECONDS.to_vec()).build()
}

/// The end of a call.
pub(super) struct Ended {
    pub(super) code: GrpcCode,
    /// The code of the error in this API, such as `order_not_found`.
    pub(super) reason: Option<String>,
    pub(super) duration: Duration,
}

/// Records a call to this process.
pub(super) fn server(method: impl Into<Value>, ended: Ended) {
    record(&SERVER, method.into(), ended);
}

/// Records a call from this process.
pub(super) fn client(method: impl Into<Value>, ended: Ended) {
    record(&CLIENT, method.into(), ended);
}

fn record(durations: &Histogram<f64>, method: Value, ended: Ended) {
    let Ended { code, reason, duration } = ended;
    let system = KeyValue::new(RPC_SYSTEM_NAME, "grpc");
    let (method, answer) =
        (KeyValue::new(RPC_METHOD, method), KeyValue::new(RPC_RESPONSE_STATUS_CODE, status(code)));
    if code == GrpcCode::Ok {
        return durations.record(duration.as_secs_f64(), &[system, method, answer]);
    }
    let error = KeyValue::new(ERROR_TYPE, reason.map_or_else(|| Value::from(status(code)), Value::from));
    durations.record(duration.as_secs_f64(), &[system, method, answer, error]);
}

/// Returns the name of a status, as gRPC writes it.
pub(super) const fn status(code: GrpcCode) -> &'static str {
    match code {
        GrpcCode::Ok => "OK",
        GrpcCode::Cancelled => "CANCELLED",
        GrpcCode::Unknown => "UNKNOWN",
        GrpcCode::InvalidArgument => "INVALID_ARGUMENT",
        GrpcCode::DeadlineExceeded => "DEADLINE_EXCEEDED",
        GrpcCode::NotFound => "NOT_FOUND",
        GrpcCode::AlreadyExists => "ALREADY_EXISTS",
        GrpcCode::PermissionDenied => "PERMISSION_DENIED",
        GrpcCode::ResourceExhausted => "RESOURCE_EXHAUSTED",
        GrpcCode::FailedPrecondition => "FAILED_PRECONDITION",
        GrpcCode::Aborted => "ABORTED",
        GrpcCode::OutOfRange => "OUT_OF_RANGE",
        GrpcCode::Unimplemented => "UNIMPLEMENTED",
        GrpcCode::Internal => "INTERNAL",
        GrpcCode::Unavailable => "UNAVAILABLE",
        GrpcCode::DataLoss => "DATA_LOSS",
        GrpcCode::Unauthenticated => "UNAUTHENTICATED",
    }
}
