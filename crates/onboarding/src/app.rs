//! From a configuration to a running service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::database::{self, DatabaseError};
use rowhouse_chassis::grpc::{self, BindError, EndpointError, GrpcOptions, Listener, ServeError};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::signing::{Signing, SigningKeyError};
use rowhouse_jobs::{JobRpc, Workers};
use rowhouse_proto::jobs::v1::job_service_server::SERVICE_NAME as JOBS;
use rowhouse_proto::onboarding::v1::onboarding_service_server::{
    OnboardingServiceServer, SERVICE_NAME as ONBOARDING,
};
use rowhouse_tokens::{Accepts, TrustError, TrustStore, Verifier, issuer};
use tonic::service::Routes;

use crate::Config;
use crate::auth_client::AuthClient;
use crate::jobs::{SetUp, TakeBack};
use crate::orders_client::OrdersClient;
use crate::proofs::Proofs;
use crate::rpc::Rpc;
use crate::store::onboardings::ENDED;

/// The second one looks at its tokens itself: some are no access tokens.
const PUBLIC_METHODS: &[&str] =
    &["/onboarding.v1.OnboardingService/OnboardTenant", "/onboarding.v1.OnboardingService/GetTenant"];

/// A request has a name, an address, a password and little else.
const MAX_REQUEST: usize = 1024 * 1024;

/// The service, connected and bound, but not serving yet.
pub struct App {
    listener: Listener,
    rpc: Rpc,
    workers: Workers,
    signing: Signing,
    verifier: Arc<Verifier>,
    reflection: bool,
    request_timeout: Duration,
    limiter: Arc<RateLimiter>,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no key to sign with.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// The trusted keys cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database cannot be reached, or is not safe to serve from.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Auth's address cannot be used.
    #[error("--auth-endpoint: {0}")]
    AuthEndpoint(EndpointError),
    /// Orders' address cannot be used.
    #[error("--orders-endpoint: {0}")]
    OrdersEndpoint(EndpointError),
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
        let signing = Signing::load(issuer::ONBOARDING, config.signing, Arc::clone(&trust)).await?;
        let verifier = Arc::new(Verifier::new(trust, Accepts::default()));
        let auth = grpc::channel(&config.auth_endpoint).map_err(StartError::AuthEndpoint)?;
        let auth = Arc::new(AuthClient::new(auth, signing.issuer()));
        let orders = grpc::channel(&config.orders_endpoint).map_err(StartError::OrdersEndpoint)?;
        let orders = Arc::new(OrdersClient::new(orders, signing.issuer()));
        let db = database::open(&config.database, config.environment, "onboarding").await?;

        let set_up = SetUp { auth: Arc::clone(&auth), orders: Arc::clone(&orders) };
        let take_back = TakeBack { auth: Arc::clone(&auth), orders };
        let workers = Workers::new(db.clone(), config.jobs).handle(set_up).handle(take_back);

        let limiter = Arc::new(RateLimiter::new(config.grpc.rate_limits.limits()));
        Ok(Self {
            listener: Listener::bind(config.grpc.listen)?,
            rpc: Rpc {
                set_ups: Arc::new(db.listen(ENDED)),
                db,
                auth,
                issuer: signing.issuer(),
                proofs: Proofs::new(config.bcrypt_cost),
                verifier: Arc::clone(&verifier),
                proxies: Arc::new(config.proxies.into()),
                limiter: Arc::clone(&limiter),
            },
            workers,
            signing,
            verifier,
            reflection: config.grpc.reflection,
            request_timeout: config.grpc.request_timeout,
            limiter,
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
            services: &[ONBOARDING, JOBS],
        };
        let _following = self.signing.follow(shutdown.clone());
        let (until, limit) = (shutdown.clone(), shutdown.limit());
        let workers = tokio::spawn(self.workers.run(async move { until.requested().await }, limit));
        let jobs = JobRpc::new(self.rpc.db.clone()).server().max_decoding_message_size(MAX_REQUEST);
        let routes =
            Routes::new(OnboardingServiceServer::new(self.rpc).max_decoding_message_size(MAX_REQUEST))
                .add_service(jobs);
        let served = Box::pin(grpc::serve(self.listener, options, routes, shutdown)).await;
        if served.is_err() {
            // Nobody has asked them to stop.
            workers.abort();
        }
        // They finish or give back what they are doing; only a task that was aborted is an error.
        drop(workers.await);
        served
    }
}
