//! The exporters that send traces and metrics to a collector.

use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithTonicConfig,
};
use tonic::transport::ClientTlsConfig;

use super::TelemetryError;
use crate::config::{Exporter, OtlpProtocol, TelemetryArgs};

/// A collector's address and protocol.
#[derive(Clone, Copy)]
pub(super) struct Collector<'a> {
    endpoint: &'a str,
    protocol: OtlpProtocol,
}

impl<'a> Collector<'a> {
    /// Returns the collector of what this exporter sends, or `None` if there is none.
    pub(super) fn of(args: &'a TelemetryArgs, exporter: Exporter) -> Option<Self> {
        if exporter == Exporter::None {
            return None;
        }
        let endpoint = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())?;
        Some(Self { endpoint, protocol: args.otlp_protocol })
    }

    /// Refuses what the HTTP client cannot do.
    fn check(self) -> Result<(), TelemetryError> {
        let https = self.endpoint.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if https && self.protocol == OtlpProtocol::HttpProtobuf {
            return Err(TelemetryError::HttpWithTls);
        }
        Ok(())
    }

    /// Creates the exporter of traces. Needs a tokio runtime.
    pub(super) fn traces(self) -> Result<SpanExporter, TelemetryError> {
        self.check()?;
        let builder = SpanExporter::builder();
        let exporter = match self.protocol {
            OtlpProtocol::Grpc => {
                builder.with_tonic().with_tls_config(tls()).with_endpoint(self.endpoint).build()
            }
            OtlpProtocol::HttpProtobuf => builder
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(self.signal("traces"))
                .build(),
        };
        exporter.map_err(|source| self.refused(source))
    }

    /// Creates the exporter of metrics. Needs a tokio runtime.
    pub(super) fn metrics(self) -> Result<MetricExporter, TelemetryError> {
        self.check()?;
        let builder = MetricExporter::builder();
        let exporter = match self.protocol {
            OtlpProtocol::Grpc => {
                builder.with_tonic().with_tls_config(tls()).with_endpoint(self.endpoint).build()
            }
            OtlpProtocol::HttpProtobuf => builder
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(self.signal("metrics"))
                .build(),
        };
        exporter.map_err(|source| self.refused(source))
    }

    /// Returns the URL for a kind of data: the endpoint is a base URL (OpenTelemetry, "OTLP exporter").
    fn signal(self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.endpoint.trim_end_matches('/'))
    }

    fn refused(self, source: ExporterBuildError) -> TelemetryError {
        // The part before `@` may be a password.
        let (scheme, rest) = self.endpoint.split_once("://").unwrap_or(("", self.endpoint));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let separator = if scheme.is_empty() { "" } else { "://" };
        TelemetryError::Endpoint { endpoint: format!("{scheme}{separator}{host}"), source }
    }
}

/// Returns the settings for `https://`: the system's certificate authorities. They are not used for `http://`.
fn tls() -> ClientTlsConfig {
    ClientTlsConfig::new().with_native_roots()
}
