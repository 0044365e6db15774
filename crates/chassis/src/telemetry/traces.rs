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
use super::position::Unrecorded;
use crate::config::{TelemetryArgs, TracesSampler};

/// Creates the source of traces, which sends them to a collector.
pub(super) fn provider(
    args: &TelemetryArgs,
    collector: Collector<'_>,
    resource: Resource,
) -> Result<SdkTracerProvider, TelemetryError> {
    let builder = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler(args));
    Ok(builder.with_batch_exporter(collector.traces()?).build())
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

/// Returns the layer that makes traces of spans, or without a source of traces, the one that only gives them ids.
pub(super) fn layer<S>(provider: Option<&SdkTracerProvider>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    // The log's filter may be stricter, but a trace needs its spans.
    let Some(provider) = provider else { return Unrecorded.with_filter(LevelFilter::INFO).boxed() };
    // Statements are spans only here, since they record their SQL.
    let wanted =
        Targets::new().with_default(LevelFilter::INFO).with_target("rowhouse::sql", LevelFilter::DEBUG);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("rowhouse"))
        .with_location(false)
        .with_threads(false)
        .with_context_activation(false)
        .with_filter(wanted)
        .boxed()
}
