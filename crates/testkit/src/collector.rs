//! [`Collector`], an OTLP collector.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::serve::Listener;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::IssuedCertificate;

/// A collector that keeps what it is sent, until it is dropped.
pub struct Collector {
    endpoint: String,
    received: Received,
    serving: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Received {
    spans: Arc<Mutex<Vec<ResourceSpans>>>,
    metrics: Arc<Mutex<Vec<ResourceMetrics>>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    /// Receives over gRPC. Needs a tokio runtime.
    #[must_use]
    pub fn over_grpc() -> Self {
        Self::serve_grpc("http://127.0.0.1", Server::builder())
    }

    /// Receives over gRPC and TLS, with a certificate for `localhost`. Needs a tokio runtime.
    #[must_use]
    pub fn over_grpc_and_tls(certificate: &IssuedCertificate) -> Self {
        let identity = Identity::from_pem(&certificate.certificate, &certificate.key);
        let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        Self::serve_grpc("https://localhost", server)
    }

    fn serve_grpc(scheme_and_host: &str, mut server: Server) -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let endpoint = format!("{scheme_and_host}:{}", incoming.local_addr().unwrap().port());
        let received = Received::default();
        let server = server
            .add_service(TraceServiceServer::new(received.clone()))
            .add_service(MetricsServiceServer::new(received.clone()));
        let serving = tokio::spawn(async { server.serve_with_incoming(incoming).await.unwrap() });
        Self { endpoint, received, serving }
    }

    /// Receives over HTTP.
    pub async fn over_http() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self::serve_http(endpoint, listener)
    }

    /// Receives over HTTP and TLS, with a certificate for `localhost`.
    pub async fn over_https(certificate: &IssuedCertificate) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        Self::serve_http(endpoint, TlsListener { tcp, tls: certificate.acceptor(&[b"http/1.1"]) })
    }

    fn serve_http<L: Listener<Addr: std::fmt::Debug>>(endpoint: String, listener: L) -> Self {
        let received = Received::default();
        let routes = Router::new()
            .route("/v1/traces", post(receive_traces))
            .route("/v1/metrics", post(receive_metrics))
            .with_state(received.clone());
        let serving = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { endpoint, received, serving }
    }

    /// Returns the base URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns all spans so far, by the process that they are from.
    #[must_use]
    pub fn resource_spans(&self) -> Vec<ResourceSpans> {
        self.received.spans.lock().unwrap().clone()
    }

    /// Returns all spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let scopes = self.resource_spans().into_iter().flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Returns all metrics so far, by the process that they are from.
    #[must_use]
    pub fn resource_metrics(&self) -> Vec<ResourceMetrics> {
        self.received.metrics.lock().unwrap().clone()
    }

    /// Returns all metrics so far.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        let scopes = self.resource_metrics().into_iter().flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.spans.lock().unwrap().extend(request.into_inner().resource_spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Received {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap().extend(request.into_inner().resource_metrics);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

// An empty body is a response message without fields.

async fn receive_traces(State(received): State<Received>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    received.spans.lock().unwrap().extend(request.resource_spans);
}

async fn receive_metrics(State(received): State<Received>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    received.metrics.lock().unwrap().extend(request.resource_metrics);
}

struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
