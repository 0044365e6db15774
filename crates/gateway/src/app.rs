//! [`App`], the gateway from its configuration to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::{Compat, Compress, from_fn};
use actix_web::{App as ActixApp, HttpServer, web};
use rowhouse_chassis::admission::Memory;
use rowhouse_chassis::client::TrustedProxies;
use rowhouse_chassis::config::TelemetryArgs;
use rowhouse_chassis::grpc::{DRAIN_LIMIT, Listener, unread_limit};
use rowhouse_chassis::program::{BoxError, Program, StartError};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry::report_readiness;
use rowhouse_tokens::{Accepts, TrustStore, Verifier};

use crate::Config;
use crate::arrival::{TimeLimit, begin_deadline};
use crate::clients::Channels;
use crate::connections::{Connections, close_if_scarce};
use crate::head::head;
use crate::https::{self, Https};
use crate::limits::tell_limits;
use crate::load_shedding::shed_load;
use crate::openapi::ServedDocument;
use crate::routes;
use crate::routes::authorization_server::Metadata;
use crate::socket::end_unread;
use crate::trace::trace;
use crate::{compression, rest, uri};

/// The gateway, bound, but not serving yet.
pub struct App {
    listener: Listener,
    unbound: Unbound,
}

/// The gateway without its socket.
struct Unbound {
    channels: Channels,
    time_limit: TimeLimit,
    connections: Connections,
    proxies: TrustedProxies,
    verifier: Verifier,
    limiter: RateLimiter,
    api: ServedDocument,
    authorization: Metadata,
    https: Https,
}

/// The reason why serving ended without a request to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket failed.
    #[error("the server stopped: {0}")]
    Stopped(#[from] io::Error),
    /// rustls refuses its own defaults.
    #[error("HTTPS cannot be served: {0}")]
    Tls(#[from] rustls::Error),
}

/// The time for which an idle connection is kept. It is longer than the minute after which usual load balancers close theirs: a request
/// that is sent into a connection at its end would be lost.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The time for the head of a request to arrive. actix answers a slower one with 408 and without a body.
const SLOW_HEAD: Duration = Duration::from_secs(5);

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

    async fn check(config: Config) -> Result<(), BoxError> {
        Ok(Unbound::build(&config).await.map(drop)?)
    }

    async fn serve(config: Config, shutdown: Shutdown) -> Result<(), BoxError> {
        let app = App::build(config).await?;
        tracing::info!(address = %app.address(), "the gateway listens on {}://{}", app.unbound.https.scheme(), app.address());
        Ok(app.serve(shutdown).await?)
    }
}

impl App {
    /// Reads the trusted keys and binds. When this returns, connections are queued until [`App::serve`] accepts them.
    /// The services need not run yet. Needs a tokio runtime.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let unbound = Unbound::build(&config).await?;
        Ok(Self { listener: Listener::bind(config.listen)?, unbound })
    }

    /// Does the same as [`App::build`], on a socket that is bound already.
    pub async fn build_on(listener: Listener, config: Config) -> Result<Self, StartError> {
        Ok(Self { listener, unbound: Unbound::build(&config).await? })
    }

    /// Returns the address with the actual port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is requested and the running requests are answered, for some seconds at most.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), ServeError> {
        let Unbound {
            channels,
            time_limit,
            connections,
            proxies,
            verifier,
            limiter,
            api,
            authorization,
            https,
        } = self.unbound;
        let unread_limit = unread_limit(time_limit.0);
        let time_limit = web::Data::new(time_limit);
        let connections = web::Data::new(connections);
        let (threads, connections_each) = connections.threads();
        let opened = connections.clone();
        let proxies = web::Data::new(proxies);
        let memory = web::Data::new(Memory::new());
        let verifier = web::Data::new(verifier);
        let limiter = web::Data::new(limiter);
        let api = web::Data::new(api);
        let authorization = web::Data::new(authorization);
        let stop = web::Data::new(shutdown.clone());
        let certificate = https.certificate();
        report_readiness(PART, true);
        let server = HttpServer::new(move || {
            ActixApp::new()
                .configure(routes::configure)
                .configure(rest::configure)
                .app_data(web::Data::new(channels.on_this_runtime()))
                .app_data(https.scheme_of_clients())
                .app_data(time_limit.clone())
                .app_data(connections.clone())
                .app_data(proxies.clone())
                .app_data(memory.clone())
                .app_data(verifier.clone())
                .app_data(limiter.clone())
                .app_data(api.clone())
                .app_data(authorization.clone())
                .app_data(stop.clone())
                .default_service(web::to(routes::fallback))
                .wrap(from_fn(tell_limits))
                .wrap(Compat::new(Compress::default()))
                .wrap(from_fn(compression::reads_only))
                .wrap(from_fn(head))
                .wrap(from_fn(uri::limit))
                .wrap(from_fn(begin_deadline))
                .wrap(from_fn(trace))
                .wrap(from_fn(shed_load))
                .wrap(https.headers())
                .wrap(from_fn(close_if_scarce))
        });
        // Separate from the await: the builder is not Send, and this future has to be.
        let server = server
            .disable_signals()
            .workers(threads)
            .max_connections(connections_each)
            .on_connect(move |_, data| opened.begin(data))
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(SLOW_HEAD)
            .shutdown_signal(async move {
                shutdown.requested().await;
                report_readiness(PART, false);
            })
            .shutdown_timeout(DRAIN_LIMIT.as_secs());
        let listener = self.listener.into_std();
        end_unread(&listener, unread_limit)?;
        let server = match certificate.clone() {
            None => server.listen(listener)?,
            Some(certificate) => server.listen_rustls_0_23(listener, https::server_config(certificate)?)?,
        };
        let server = server.run();
        let following = async {
            match certificate {
                Some(certificate) => certificate.follow().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = server => ended?,
            () = following => {}
        }
        Ok(())
    }
}

impl Unbound {
    async fn build(config: &Config) -> Result<Self, StartError> {
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir.clone()).await?);
        Ok(Self {
            channels: Channels::new(config).await?,
            time_limit: TimeLimit(config.request_timeout),
            connections: Connections::new(config.admission.max_connections),
            https: Https::load(&config.http_tls).await?,
            limiter: RateLimiter::new(config.rate_limits.limits()),
            proxies: config.proxies.clone().into(),
            verifier: Verifier::new(trust, &config.trust.issuer, Accepts::default()),
            authorization: Metadata::of(config.trust.issuer.current()),
            api: ServedDocument::new().map_err(|error| {
                StartError::Own(format!("the OpenAPI document cannot be read: {error}").into())
            })?,
        })
    }
}
