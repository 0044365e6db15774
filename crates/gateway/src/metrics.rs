//! Metrics of requests: their durations by route and status, and the number of those in progress.

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::http::StatusCode;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use opentelemetry::{KeyValue, Value};
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, URL_SCHEME,
};
use opentelemetry_semantic_conventions::metric::{HTTP_SERVER_ACTIVE_REQUESTS, HTTP_SERVER_REQUEST_DURATION};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::telemetry::{SECONDS, meter};

use crate::request_name::RequestName;

static DURATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    meter()
        .f64_histogram(HTTP_SERVER_REQUEST_DURATION)
        .with_unit("s")
        .with_description("Duration of the requests")
        .with_boundaries(SECONDS.to_vec())
        .build()
});
static ACTIVE: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
    meter()
        .i64_up_down_counter(HTTP_SERVER_ACTIVE_REQUESTS)
        .with_unit("{request}")
        .with_description("Requests in progress")
        .build()
});

/// A request in progress, until it is dropped.
pub(crate) struct Active([KeyValue; 2]);

impl Active {
    pub(crate) fn begin(name: &RequestName) -> Self {
        let attributes =
            [KeyValue::new(HTTP_REQUEST_METHOD, name.method), KeyValue::new(URL_SCHEME, name.scheme)];
        ACTIVE.add(1, &attributes);
        Self(attributes)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        ACTIVE.add(-1, &self.0);
    }
}

/// Records a request. One that its caller has cancelled has no status.
pub(crate) fn ended(name: &RequestName, status: Option<StatusCode>, code: Option<Code>, duration: Duration) {
    let method = KeyValue::new(HTTP_REQUEST_METHOD, name.method);
    let route = KeyValue::new(HTTP_ROUTE, name.route.clone());
    let scheme = KeyValue::new(URL_SCHEME, name.scheme);
    let seconds = duration.as_secs_f64();
    let Some(status) = status else {
        return DURATIONS.record(seconds, &[method, route, scheme, KeyValue::new(ERROR_TYPE, "cancelled")]);
    };
    let answer = KeyValue::new(HTTP_RESPONSE_STATUS_CODE, i64::from(status.as_u16()));
    if status.is_client_error() || status.is_server_error() {
        let error = code.map_or_else(|| Value::from(status.as_str().to_owned()), |code| code.as_str().into());
        DURATIONS.record(seconds, &[method, route, scheme, answer, KeyValue::new(ERROR_TYPE, error)]);
    } else {
        DURATIONS.record(seconds, &[method, route, scheme, answer]);
    }
}
