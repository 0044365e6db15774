//! Logs and traces.
//!
//! Lines go to standard error. Traces go to an OTLP collector when one is configured; without one they are not
//! recorded, but every request still has a trace id, which is handed on and can be quoted.
//!
//! What is never in a field: tokens, passwords, keys, the `authorization` header, the bodies of requests, URLs
//! that hold credentials.

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

/// How long the last spans may take to reach the collector.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Logs and traces of this process, until [`Telemetry::shutdown`].
#[derive(Debug)]
#[must_use = "the last spans are lost without a shutdown"]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// Why a process cannot tell what it does.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error(
        "`{filter}` is not a log filter ({source}); write a level, or a list such as info,rowhouse=debug"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The collector's address cannot be used.
    #[error("traces cannot be sent to `{endpoint}`: {source}")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        source: ExporterBuildError,
    },
    /// It was set up before.
    #[error("telemetry can be set up only once in a process: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets up logs and traces for the process. `service` is the name under which its spans are found. Needs a
/// tokio runtime.
pub fn init(args: &TelemetryArgs, service: &'static str) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let endpoint = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
    let provider = provider(endpoint, service)?;
    // The log's filter may be stricter; a trace without its spans would be of no use. Statements are spans only
    // where somebody collects them: making one writes its SQL down.
    let sql = if endpoint.is_some() { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let wanted = Targets::new().with_default(LevelFilter::INFO).with_target("rowhouse::sql", sql);
    let lines = match args.log_format {
        LogFormat::Text => {
            let lines = fmt::layer().with_writer(io::stderr);
            // Only ever switched off: the default knows about NO_COLOR.
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
    /// Sends the spans that are left, for a second at most.
    pub async fn shutdown(self) {
        // The exporter waits for the runtime's threads, so none of them may wait for it.
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
    async fn what_cannot_be_used_is_said() {
        let args = TelemetryArgs { log: "info,=".into(), ..TelemetryArgs::default() };
        assert!(init(&args, "test").unwrap_err().to_string().contains("`info,=` is not a log filter"));
        for endpoint in ["https://collector:4317", "not a url"] {
            let args = TelemetryArgs { otlp_endpoint: Some(endpoint.into()), ..TelemetryArgs::default() };
            let error = init(&args, "test").unwrap_err().to_string();
            assert!(error.starts_with(&format!("traces cannot be sent to `{endpoint}`")), "{error}");
        }
    }
}
