//! Logs, traces and metrics.
//!
//! Log lines are written to standard error. Traces and metrics are sent to an OTLP collector if one is configured. Without one
//! no trace is recorded, but every request still has a trace id, which is passed on and can be quoted. Prometheus reads metrics
//! from the admin listener.
//!
//! No field contains tokens, passwords, keys, the header `authorization`, bodies of requests, or URLs with
//! credentials.

mod admin;
mod exporter;
mod log;
mod log_interval;
mod metrics;
mod panics;
mod position;
mod process;
mod propagation;
mod readiness;
mod text;
mod traces;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_semantic_conventions::attribute::{SERVICE_INSTANCE_ID, SERVICE_VERSION};
use rowhouse_tls::TlsFileError;
use tokio::task::AbortHandle;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use uuid::Uuid;

pub use log::print_end;
pub(crate) use log_interval::LogInterval;
pub use metrics::{SECONDS, meter};
pub(crate) use propagation::inject_trace;
pub use propagation::{TRACEPARENT, continue_trace, traceparent, traceparent_without_span};
pub use readiness::report_readiness;
pub use text::{REQUEST, milliseconds};

use crate::config::TelemetryArgs;
use exporter::Collector;

/// The time limit for sending the last spans and metrics to the collector.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The logs, traces and metrics of this process, until [`Telemetry::shutdown`].
#[derive(Debug)]
#[must_use = "the last spans are lost without a shutdown"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    admin: Option<(SocketAddr, AbortHandle)>,
}

/// The reason why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is invalid.
    #[error(
        "`{filter}` is not a log filter ({source}); write a level, or a list such as info,rowhouse=debug"
    )]
    Filter {
        /// The filter.
        filter: String,
        /// The reason why it is invalid.
        source: ParseError,
    },
    /// The collector's address is invalid.
    #[error("traces and metrics cannot be sent to `{endpoint}`: {source}")]
    Endpoint {
        /// The collector's address.
        endpoint: String,
        /// The reason why it is invalid.
        source: ExporterBuildError,
    },
    /// The authorities that may have signed the collector's certificate cannot be read.
    #[error("traces and metrics cannot be sent over TLS: {0}")]
    Authorities(#[from] TlsFileError),
    /// TLS cannot be set up.
    #[error("traces and metrics cannot be sent over TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Metrics cannot be collected.
    #[error("metrics cannot be collected: {0}")]
    Metrics(String),
    /// The address of the admin listener cannot be bound.
    #[error("cannot listen for operators on {address} (--admin-listen): {source}")]
    AdminListen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Telemetry was already set up.
    #[error("telemetry can be set up only once in a process: {0}")]
    Twice(#[from] TryInitError),
}

/// Checks the collector's address, without sending anything. Needs a tokio runtime.
pub fn check(args: &TelemetryArgs) -> Result<(), TelemetryError> {
    if let Some(collector) = Collector::of(args, args.traces_exporter) {
        drop(collector.traces()?);
    }
    if let Some(collector) = Collector::of(args, args.metrics_exporter) {
        drop(collector.metrics()?);
    }
    Ok(())
}

/// Sets up logs, traces and metrics for the process, and serves the admin listener. `service` is the name under which the
/// process appears in all of them. Needs a tokio runtime.
pub fn init(args: &TelemetryArgs, service: &'static str) -> Result<Telemetry, TelemetryError> {
    let (lines, filter) = log::layer(args, service)?;
    let collector = Collector::of(args, args.traces_exporter);
    let traces = collector.map(|collector| traces::provider(args, collector, resource(service)));
    let traces = traces.transpose()?;
    registry().with(lines).with(traces::layer(traces.as_ref())).try_init()?;
    let metrics = metrics::provider(args, Collector::of(args, args.metrics_exporter), resource(service))?;
    let (metrics, exposition) = metrics.unzip();
    let admin = args.admin_listen.zip(exposition);
    let admin = admin.map(|(listen, exposition)| admin::serve(listen, exposition, filter)).transpose()?;
    if let Some((address, _)) = &admin {
        tracing::info!(%address, "metrics are at http://{address}/metrics");
    }
    Ok(Telemetry { traces, metrics, admin })
}

/// Describes this process. Variables of OpenTelemetry, such as `OTEL_RESOURCE_ATTRIBUTES`, add to it.
fn resource(service: &'static str) -> Resource {
    Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new(SERVICE_INSTANCE_ID, Uuid::now_v7().to_string()),
        ])
        .build()
}

impl Telemetry {
    /// Returns the address of the admin listener, with the actual port.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(address, _)| *address)
    }

    /// Sends the remaining spans and metrics, for a second at most, and ends the admin listener.
    pub async fn shutdown(self) {
        let Self { traces, metrics, admin } = self;
        // The exporters need the runtime's threads, so none of them may block on it.
        let flushed = tokio::task::spawn_blocking(move || -> OTelSdkResult {
            let metrics = metrics.map_or(Ok(()), |metrics| metrics.shutdown_with_timeout(FLUSH_LIMIT));
            let traces = traces.map_or(Ok(()), |traces| traces.shutdown_with_timeout(FLUSH_LIMIT));
            traces.and(metrics)
        });
        match flushed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans and metrics were not delivered"),
            Err(error) => tracing::warn!(%error, "the last spans and metrics were not delivered"),
        }
        if let Some((_, serving)) = admin {
            serving.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn invalid_arguments_are_reported() {
        let args = TelemetryArgs { log: "info,=".into(), ..TelemetryArgs::default() };
        assert!(init(&args, "test").unwrap_err().to_string().contains("`info,=` is not a log filter"));
        let endpoint = "not a url";
        let args = TelemetryArgs { otlp_endpoint: Some(endpoint.into()), ..TelemetryArgs::default() };
        let error = init(&args, "test").unwrap_err().to_string();
        assert!(error.starts_with("traces and metrics cannot be sent to `not a url`"), "{error}");
    }
}
