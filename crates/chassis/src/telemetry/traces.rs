//! Traces.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::TelemetryError;
use super::exporter::Collector;
use crate::config::{TelemetryArgs, TracesSampler};

/// Creates the source of traces. Without a collector nothing is recorded, but every request still has a trace id.
pub(super) fn provider(
    args: &TelemetryArgs,
    collector: Option<Collector<'_>>,
    resource: Resource,
) -> Result<SdkTracerProvider, TelemetryError> {
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(collector) = collector else {
        return Ok(builder.with_sampler(Sampler::AlwaysOff).build());
    };
    Ok(builder.with_sampler(sampler(args)).with_batch_exporter(collector.traces()?).build())
}

fn sampler(args: &TelemetryArgs) -> Sampler {
    let ratio = Sampler::TraceIdRatioBased(args.traces_sampler_arg);
    match args.traces_sampler {
        TracesSampler::AlwaysOn => Sampler::AlwaysOn,
        TracesSampler::AlwaysOff => Sampler::AlwaysOff,
        TracesSampler::TraceIdRatio => ratio,
        TracesSampler::ParentBasedAlwaysOn => parent_based(Sampler::AlwaysOn),
        TracesSampler::ParentBasedAlwaysOff => parent_based(Sampler::AlwaysOff),
        TracesSampler::ParentBasedTraceIdRatio => parent_based(ratio),
    }
}

fn parent_based(root: Sampler) -> Sampler {
    Sampler::ParentBased(Box::new(root))
}

/// Returns the layer that makes traces of spans.
pub(super) fn layer<S>(provider: &SdkTracerProvider, collected: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // The log's filter may be stricter, but a trace needs its spans. Statements are spans only with a collector,
    // since they record their SQL.
    let sql = if collected { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let wanted = Targets::new().with_default(LevelFilter::INFO).with_target("rowhouse::sql", sql);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("rowhouse"))
        .with_location(false)
        .with_threads(false)
        .with_context_activation(false)
        .with_filter(wanted)
}
