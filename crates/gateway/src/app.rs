//! From a configuration to a running gateway.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use rowhouse_chassis::client::TrustedProxies;
use rowhouse_chassis::grpc::{BindError, DRAIN_LIMIT, EndpointError, Listener};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_tokens::{Accepts, TrustError, TrustStore, Verifier};

use crate::Config;
use crate::clients::Clients;
use crate::head::head;
use crate::limits::tell_limits;
use crate::openapi::Served;
use crate::readiness::Readiness;
use crate::routes;
use crate::trace::trace;

/// The gateway, bound, but not serving yet.
pub struct App {
    listener: Listener,
    clients: Clients,
    proxies: TrustedProxies,
    verifier: Verifier,
    limiter: RateLimiter,
    api: Served,
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The trusted keys cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A service's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The OpenAPI document cannot be read.
    #[error("the OpenAPI document cannot be read: {0}")]
    Document(#[from] serde_json::Error),
}

/// Why serving ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("the server stopped: {0}")]
pub struct ServeError(#[from] io::Error);

/// Why the gateway ended without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It stopped serving.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl App {
    /// Reads the trusted keys and binds. When this returns, connections queue up until [`App::serve`] takes
    /// them. The services need not be there yet. Needs a tokio runtime, which then drives the connections to
    /// them.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir.clone()).await?);
        Ok(Self {
            clients: Clients::new(&config)?,
            limiter: RateLimiter::new(config.rate_limits.limits()),
            proxies: config.proxies.into(),
            verifier: Verifier::new(trust, Accepts::default()),
            api: Served::new()?,
            listener: Listener::bind(config.listen)?,
        })
    }

    /// Where it listens, with the port that was taken.
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
        let stop = web::Data::new(shutdown.clone());
        let server = HttpServer::new(move || {
            ActixApp::new()
                .configure(routes::configure)
                .app_data(clients.clone())
                .app_data(proxies.clone())
                .app_data(verifier.clone())
                .app_data(limiter.clone())
                .app_data(readiness.clone())
                .app_data(api.clone())
                .app_data(stop.clone())
                .default_service(web::to(routes::fallback))
                .wrap(from_fn(tell_limits))
                .wrap(from_fn(head))
                .wrap(from_fn(trace))
        });
        // Apart from the await: the builder is not Send, and this future has to be.
        let server = server
            .disable_signals()
            .shutdown_signal(async move { shutdown.requested().await })
            .shutdown_timeout(DRAIN_LIMIT.as_secs())
            .listen(self.listener.into_std())?
            .run();
        server.await?;
        Ok(())
    }
}
