//! The exporters that send traces and metrics to a collector.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use rowhouse_tls::{SYSTEM, authorities, provider};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tonic::transport::ClientTlsConfig;

use super::TelemetryError;
use crate::config::{Exporter, OtlpProtocol, TelemetryArgs};

/// The time limit of a request to the collector, which is that of OpenTelemetry ("OTLP exporter").
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

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

    /// Creates the exporter of traces. Needs a tokio runtime.
    #[allow(clippy::redundant_closure_for_method_calls, reason = "the builders' types have no public names")]
    pub(super) fn traces(self) -> Result<SpanExporter, TelemetryError> {
        self.exporter(
            "traces",
            SpanExporter::builder().with_tonic(),
            |builder| builder.build(),
            SpanExporter::builder().with_http(),
            |builder| builder.build(),
        )
    }

    /// Creates the exporter of metrics. Needs a tokio runtime.
    #[allow(clippy::redundant_closure_for_method_calls, reason = "the builders' types have no public names")]
    pub(super) fn metrics(self) -> Result<MetricExporter, TelemetryError> {
        self.exporter(
            "metrics",
            MetricExporter::builder().with_tonic(),
            |builder| builder.build(),
            MetricExporter::builder().with_http(),
            |builder| builder.build(),
        )
    }

    /// Creates an exporter from the builder for the collector's protocol. Builders of traces and of metrics have no trait in common
    /// that builds.
    fn exporter<G, H, E>(
        self,
        signal: &str,
        grpc: G,
        build_grpc: impl FnOnce(G) -> Result<E, ExporterBuildError>,
        http: H,
        build_http: impl FnOnce(H) -> Result<E, ExporterBuildError>,
    ) -> Result<E, TelemetryError>
    where
        G: WithExportConfig + WithTonicConfig,
        H: WithExportConfig + WithHttpConfig,
    {
        let built = match self.protocol {
            // The system's certificate authorities, for `https://`.
            OtlpProtocol::Grpc => {
                let tls = ClientTlsConfig::new().with_native_roots();
                build_grpc(grpc.with_tls_config(tls).with_endpoint(self.endpoint))
            }
            OtlpProtocol::HttpProtobuf => {
                // The endpoint is a base URL (OpenTelemetry, "OTLP exporter").
                let url = format!("{}/v1/{signal}", self.endpoint.trim_end_matches('/'));
                let client = OnRuntime { client: self.http_client()?, runtime: Handle::current() };
                build_http(
                    http.with_http_client(client).with_protocol(Protocol::HttpBinary).with_endpoint(url),
                )
            }
        };
        built.map_err(|source| self.refused(source))
    }

    fn http_client(self) -> Result<HyperClient<HttpsConnector<HttpConnector>>, TelemetryError> {
        let encrypted = self.endpoint.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let roots = if encrypted { authorities(Path::new(SYSTEM))? } else { RootCertStore::empty() };
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        Ok(HyperClient::new(connector.build(), REQUEST_LIMIT, None))
    }

    fn refused(self, source: ExporterBuildError) -> TelemetryError {
        // The part before `@` may be a password.
        let (scheme, rest) = self.endpoint.split_once("://").unwrap_or(("", self.endpoint));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let separator = if scheme.is_empty() { "" } else { "://" };
        TelemetryError::Endpoint { endpoint: format!("{scheme}{separator}{host}"), source }
    }
}

/// A client that sends on the program's runtime. The exporters send from threads of their own, which have none.
#[derive(Debug)]
struct OnRuntime<C> {
    client: C,
    runtime: Handle,
}

#[tonic::async_trait]
impl<C: HttpClient + Clone + 'static> HttpClient for OnRuntime<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
