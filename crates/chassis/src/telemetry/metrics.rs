//! Metrics: collected in the process, read by Prometheus and sent to a collector.
//!
//! Code that measures takes its instruments from [`meter`]. Without a reader they do nothing. Names are those of OpenTelemetry's
//! semantic conventions where these have one, and begin with `rowhouse.` otherwise. No metric has a tenant, a person, an address or
//! a path as an attribute: their number is not bounded.

use opentelemetry::global;
use opentelemetry::metrics::Meter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use super::exporter::Collector;
use super::{TelemetryError, process, readiness};
use crate::config::TelemetryArgs;

/// The limits of the buckets of durations, in seconds. A request to the database takes about a millisecond, and a request ends
/// after ten seconds.
pub const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Returns the meter of all instruments. Instruments have to be made after the program has set telemetry up.
#[must_use]
pub fn meter() -> Meter {
    global::meter("rowhouse")
}

/// The metrics in the format of Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Exposition(Registry);

impl Exposition {
    /// The type of the text.
    pub(super) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

    /// Writes all metrics. Takes some milliseconds.
    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}

/// Sets metrics up for the process, with a reader for each use; `None` if there is no use.
pub(super) fn provider(
    args: &TelemetryArgs,
    collector: Option<Collector<'_>>,
    resource: Resource,
) -> Result<Option<(SdkMeterProvider, Exposition)>, TelemetryError> {
    if args.admin_listen.is_none() && collector.is_none() {
        return Ok(None);
    }
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        // There is one scope.
        .scope_info_enabled(false)
        .build()
        .map_err(|error| TelemetryError::Metrics(error.to_string()))?;
    let mut builder = SdkMeterProvider::builder().with_resource(resource).with_reader(exporter);
    if let Some(collector) = collector {
        let reader = PeriodicReader::builder(collector.metrics()?).with_interval(args.metrics_interval);
        builder = builder.with_reader(reader.build());
    }
    let provider = builder.build();
    global::set_meter_provider(provider.clone());
    process::observe(&meter());
    readiness::observe(&meter());
    Ok(Some((provider, Exposition(registry))))
}
