//! The listener for operators: metrics, health for probes that cannot speak TLS or gRPC, and the log filter.

use std::io;
use std::net::{SocketAddr, TcpListener};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::task::{AbortHandle, spawn_blocking};

use super::TelemetryError;
use super::log::LogFilter;
use super::metrics::Exposition;
use super::readiness;

/// Serves until the process ends or the handle is used. Metrics are needed most while a program stops, so it takes no part in
/// draining. Needs a tokio runtime.
pub(super) fn serve(
    listen: SocketAddr,
    metrics: Exposition,
    log: LogFilter,
) -> Result<(SocketAddr, AbortHandle), TelemetryError> {
    let bound = || -> io::Result<_> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, tokio::net::TcpListener::from_std(listener)?))
    };
    let (address, listener) =
        bound().map_err(|source| TelemetryError::AdminListen { address: listen, source })?;
    let routes = Router::new()
        .route("/metrics", get(show_metrics))
        .with_state(metrics)
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(show_readiness))
        .route("/log-filter", get(show_filter).put(set_filter).with_state(log))
        .into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the admin listener has ended");
        }
    });
    Ok((address, serving.abort_handle()))
}

async fn show_metrics(State(metrics): State<Exposition>) -> Response {
    match spawn_blocking(move || metrics.text()).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, Exposition::CONTENT_TYPE)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "the metrics cannot be written");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

async fn show_readiness() -> (StatusCode, String) {
    match readiness::not_ready() {
        Some(parts) if parts.is_empty() => (StatusCode::OK, "ready\n".to_owned()),
        Some(parts) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", parts.join(", "))),
        None => (StatusCode::SERVICE_UNAVAILABLE, "not ready: still starting\n".to_owned()),
    }
}

async fn show_filter(State(log): State<LogFilter>) -> String {
    format!("{}\n", log.get())
}

/// Only from this machine, which on Kubernetes is `kubectl port-forward`: a client that can read metrics must not be able to switch
/// the log off.
async fn set_filter(
    State(log): State<LogFilter>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    text: String,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        let reason = "the log filter can be changed from the machine itself only: use kubectl port-forward\n";
        return (StatusCode::FORBIDDEN, reason).into_response();
    }
    match log.set(text.trim()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}
