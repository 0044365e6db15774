//! [`App`], the gateway from its configuration to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::middleware::{Compat, Compress, from_fn};
use actix_web::{App as ActixApp, HttpServer, web};
use rowhouse_chassis::client::TrustedProxies;
use rowhouse_chassis::config::TelemetryArgs;
use rowhouse_chassis::grpc::{DRAIN_LIMIT, Listener};
use rowhouse_chassis::program::{BoxError, Program, StartError};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry::report_readiness;
use rowhouse_tokens::{Accepts, TrustStore, Verifier};

use crate::Config;
use crate::clients::Clients;
use crate::head::head;
use crate::limits::tell_limits;
use crate::openapi::ServedDocument;
use crate::readiness::Readiness;
use crate::routes;
use crate::routes::authorization_server::Metadata;
use crate::trace::trace;
use crate::{compression, rest, uri};

/// The gateway, bound, but not serving yet.
pub struct App {
    listener: Listener,
    clients: Clients,
    proxies: TrustedProxies,
    verifier: Verifier,
    limiter: RateLimiter,
    api: ServedDocument,
    authorization: Metadata,
}

/// The reason why serving ended without a request to stop.
#[derive(Debug, thiserror::Error)]
#[error("the server stopped: {0}")]
pub struct ServeError(#[from] io::Error);

/// The name under which the gateway's readiness is reported.
const PART: &str = "gateway";

/// The gateway as a program.
#[derive(Clone, Copy, Debug)]
pub struct Gateway;

impl Program for Gateway {
    const NAME: &'static str = "rowhouse-gateway";
    type Config = Config;

    fn telemetry(config: &Config) -> &TelemetryArgs {
        &config.telemetry
    }

    async fn serve(config: Config, shutdown: Shutdown) -> Result<(), BoxError> {
        let app = App::build(config).await?;
        tracing::info!(address = %app.address(), "the gateway listens on http://{}", app.address());
        Ok(app.serve(shutdown).await?)
    }
}

impl App {
    /// Reads the trusted keys and binds. When this returns, connections are queued until [`App::serve`] accepts them.
    /// The services need not run yet. Needs a tokio runtime, which drives the connections to them.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let listen = config.listen;
        Self::build_with(config, || Ok(Listener::bind(listen)?)).await
    }

    /// Does the same as [`App::build`], on a socket that is bound already.
    pub async fn build_on(listener: Listener, config: Config) -> Result<Self, StartError> {
        Self::build_with(config, || Ok(listener)).await
    }

    async fn build_with(
        config: Config,
        bind: impl FnOnce() -> Result<Listener, StartError>,
    ) -> Result<Self, StartError> {
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir.clone()).await?);
        Ok(Self {
            clients: Clients::new(&config).map_err(|error| StartError::Own(error.into()))?,
            limiter: RateLimiter::new(config.rate_limits.limits()),
            proxies: config.proxies.into(),
            verifier: Verifier::new(trust, &config.trust.issuer, Accepts::default()),
            authorization: Metadata::of(config.trust.issuer.current()),
            api: ServedDocument::new().map_err(|error| {
                StartError::Own(format!("the OpenAPI document cannot be read: {error}").into())
            })?,
            listener: bind()?,
        })
    }

    /// Returns the address with the actual port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is requested and the running requests are answered, for some seconds at most.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), ServeError> {
        let readiness = web::Data::new(Readiness::new(&self.clients));
        let clients = web::Data::new(self.clients);
        let proxies = web::Data::new(self.proxies);
        let verifier = web::Data::new(self.verifier);
        let limiter = web::Data::new(self.limiter);
        let api = web::Data::new(self.api);
        let authorization = web::Data::new(self.authorization);
        let stop = web::Data::new(shutdown.clone());
        report_readiness(PART, true);
        let server = HttpServer::new(move || {
            ActixApp::new()
                .configure(routes::configure)
                .configure(rest::configure)
                .app_data(clients.clone())
                .app_data(proxies.clone())
                .app_data(verifier.clone())
                .app_data(limiter.clone())
                .app_data(readiness.clone())
                .app_data(api.clone())
                .app_data(authorization.clone())
                .app_data(stop.clone())
                .default_service(web::to(routes::fallback))
                .wrap(from_fn(tell_limits))
                .wrap(Compat::new(Compress::default()))
                .wrap(from_fn(compression::reads_only))
                .wrap(from_fn(head))
                .wrap(from_fn(uri::limit))
                .wrap(from_fn(trace))
        });
        // Separate from the await: the builder is not Send, and this future has to be.
        let server = server
            .disable_signals()
            .shutdown_signal(async move {
                shutdown.requested().await;
                report_readiness(PART, false);
            })
            .shutdown_timeout(DRAIN_LIMIT.as_secs())
            .listen(self.listener.into_std())?
            .run();
        server.await?;
        Ok(())
    }
}
