//! Logs and traces.
//!
//! Log lines are written to standard error. Traces are sent to an OTLP collector if one is configured. Without one
//! they are not recorded, but every request still has a trace id, which is passed on and can be quoted.
//!
//! No field contains tokens, passwords, keys, the header `authorization`, bodies of requests, or URLs with
//! credentials.

mod panics;
mod propagation;

use std::io::{self, IsTerminal};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt, registry};

pub(crate) use propagation::inject_trace;
pub use propagation::{continue_trace, traceparent};

use crate::config::{LogFormat, TelemetryArgs};

/// The time limit for sending the last spans to the collector.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The logs and traces of this process, until [`Telemetry::shutdown`].
#[derive(Debug)]
#[must_use = "the last spans are lost without a shutdown"]
pub struct Telemetry {
    provider: SdkTracerProvider,
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
    #[error("traces cannot be sent to `{endpoint}`: {source}")]
    Endpoint {
        /// The collector's address.
        endpoint: String,
        /// The reason why it is invalid.
        source: ExporterBuildError,
    },
    /// Telemetry was already set up.
    #[error("telemetry can be set up only once in a process: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets up logs and traces for the process. `service` is the name under which its spans appear. Needs a tokio
/// runtime.
pub fn init(args: &TelemetryArgs, service: &'static str) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let endpoint = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
    let provider = provider(endpoint, service)?;
    // The log's filter may be stricter, but a trace needs its spans. Statements are spans only with a collector,
    // since they record their SQL.
    let sql = if endpoint.is_some() { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let wanted = Targets::new().with_default(LevelFilter::INFO).with_target("rowhouse::sql", sql);
    let lines = match args.log_format {
        LogFormat::Text => {
            let lines = fmt::layer().with_writer(io::stderr);
            // This only switches colours off: the default honours NO_COLOR.
            if io::stderr().is_terminal() { lines.boxed() } else { lines.with_ansi(false).boxed() }
        }
        LogFormat::Json => fmt::layer().json().with_current_span(false).with_writer(io::stderr).boxed(),
    };
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("rowhouse"))
        .with_location(false)
        .with_threads(false)
        .with_context_activation(false)
        .with_filter(wanted);
    registry().with(lines.with_filter(filter)).with(traces).try_init()?;
    if args.log_format == LogFormat::Json {
        panics::log_them();
    }
    Ok(Telemetry { provider })
}

fn provider(endpoint: Option<&str>, service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let builder =
        SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build());
    let Some(endpoint) = endpoint else {
        return Ok(builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build());
    };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|source| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), source })?;
    Ok(builder.with_batch_exporter(exporter).build())
}

impl Telemetry {
    /// Sends the remaining spans, for a second at most.
    pub async fn shutdown(self) {
        // The exporter needs the runtime's threads, so none of them may block on it.
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH_LIMIT));
        match flushed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not delivered"),
            Err(error) => tracing::warn!(%error, "the last spans were not delivered"),
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
        for endpoint in ["https://collector:4317", "not a url"] {
            let args = TelemetryArgs { otlp_endpoint: Some(endpoint.into()), ..TelemetryArgs::default() };
            let error = init(&args, "test").unwrap_err().to_string();
            assert!(error.starts_with(&format!("traces cannot be sent to `{endpoint}`")), "{error}");
        }
    }
}
