//! From a configuration to a running service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::database::{self, DatabaseError};
use rowhouse_chassis::grpc::{self, BindError, GrpcOptions, Listener, ServeError};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_chassis::sealing::{EncryptionKeysError, Sealing};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_jobs::Workers;
use rowhouse_proto::orders::v1::export_service_server::{ExportServiceServer, SERVICE_NAME as EXPORTS};
use rowhouse_proto::orders::v1::order_service_server::{OrderServiceServer, SERVICE_NAME as ORDERS};
use rowhouse_proto::orders::v1::webhook_service_server::{SERVICE_NAME as WEBHOOKS, WebhookServiceServer};
use rowhouse_tokens::{Accepts, TrustError, TrustStore, Verifier, audience, issuer};
use tonic::service::Routes;

use crate::Config;
use crate::domain::Guard;
use crate::exports::{Deleting, Writing};
use crate::purge::Purge;
use crate::rpc::Rpc;
use crate::rpc::exports::ExportRpc;
use crate::rpc::webhooks::WebhookRpc;
use crate::webhooks::{Deliver, HandOver, Sender, Tidy};

/// Every method needs a token.
const PUBLIC_METHODS: &[&str] = &[];

/// Room for 200 lines of the longest SKUs, many times over.
const MAX_REQUEST: usize = 1024 * 1024;

/// The service, connected and bound, but not serving yet.
pub struct App {
    listener: Listener,
    rpc: Rpc,
    exports: ExportRpc,
    webhooks: WebhookRpc,
    workers: Workers,
    verifier: Arc<Verifier>,
    reflection: bool,
    request_timeout: Duration,
    limiter: Arc<RateLimiter>,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The trusted keys cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database cannot be reached, or is not safe to serve from.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is nothing to encrypt with.
    #[error(transparent)]
    EncryptionKeys(#[from] EncryptionKeysError),
    /// Nothing can be sent with TLS.
    #[error("webhooks cannot be sent: {0}")]
    Tls(#[from] rustls::Error),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Why the service ended without having been asked to.
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
    /// Reads the keys, connects, audits its own schema, and binds. When this returns, connections queue up
    /// until [`App::serve`] takes them.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir).await?);
        // People order. Of the services, onboarding alone is believed, which the methods for people refuse.
        let accepts =
            Accepts { service_audience: Some(audience::ORDERS), service_issuers: &[issuer::ONBOARDING] };
        let verifier = Arc::new(Verifier::new(trust, accepts));

        let db = database::open(&config.database, config.environment, "orders").await?;

        let sealing = Sealing::load(&config.encryption_keys).await?;
        let guard = Guard::of(config.environment);
        let deliver = Deliver { sender: Sender::new(guard)?, sealing: sealing.clone() };
        let workers = Workers::new(db.clone(), config.jobs)
            .handle(deliver)
            .handle(HandOver)
            .handle(Tidy)
            .handle(Writing)
            .handle(Deleting)
            .handle(Purge);

        Ok(Self {
            listener: Listener::bind(config.grpc.listen)?,
            exports: ExportRpc { db: db.clone(), sealing: sealing.clone() },
            webhooks: WebhookRpc { db: db.clone(), sealing, guard },
            workers,
            rpc: Rpc { db },
            verifier,
            reflection: config.grpc.reflection,
            request_timeout: config.grpc.request_timeout,
            limiter: Arc::new(RateLimiter::new(config.grpc.rate_limits.limits())),
        })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is requested and the running calls are finished.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), ServeError> {
        let db = self.rpc.db.clone();
        let options = GrpcOptions {
            verifier: self.verifier,
            public_methods: PUBLIC_METHODS,
            reflection: self.reflection.then_some(rowhouse_proto::FILE_DESCRIPTOR_SET),
            request_timeout: self.request_timeout,
            limiter: self.limiter,
            readiness: Some(move || {
                let db = db.clone();
                async move { db.ping().await.is_ok() }
            }),
            services: &[ORDERS, EXPORTS, WEBHOOKS],
        };
        let routes = Routes::new(OrderServiceServer::new(self.rpc).max_decoding_message_size(MAX_REQUEST))
            .add_service(ExportServiceServer::new(self.exports).max_decoding_message_size(MAX_REQUEST))
            .add_service(WebhookServiceServer::new(self.webhooks).max_decoding_message_size(MAX_REQUEST));
        let (until, limit) = (shutdown.clone(), shutdown.limit());
        // Boxed: the futures hold the whole server, too much for the stack of each that awaits them.
        let mut workers = Box::pin(self.workers.run(async move { until.requested().await }, limit));
        let mut serving = Box::pin(grpc::serve(self.listener, options, routes, shutdown));
        let mut working = true;
        let served = loop {
            tokio::select! {
                served = &mut serving => break served,
                () = &mut workers, if working => working = false,
            }
        };
        // They finish or give back what they are doing. When nobody has asked for the end, they have not begun with it.
        if working && served.is_ok() {
            workers.await;
        }
        served
    }
}
