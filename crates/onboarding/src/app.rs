//! From a configuration to a running service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::database::{self, DatabaseError};
use rowhouse_chassis::grpc::{self, BindError, EndpointError, GrpcOptions, Listener, ServeError};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::signing::{Signing, SigningKeyError};
use rowhouse_proto::onboarding::v1::onboarding_service_server::{OnboardingServiceServer, SERVICE_NAME};
use rowhouse_tokens::{Accepts, TrustError, TrustStore, Verifier, issuer};
use tonic::service::Routes;

use crate::Config;
use crate::auth_client::AuthClient;
use crate::proofs::Proofs;
use crate::rpc::Rpc;

const PUBLIC_METHODS: &[&str] = &["/onboarding.v1.OnboardingService/OnboardTenant"];

/// A request has a name, an address, a password and little else.
const MAX_REQUEST: usize = 1024 * 1024;

/// The service, connected and bound, but not serving yet.
pub struct App {
    listener: Listener,
    rpc: Rpc,
    signing: Signing,
    verifier: Arc<Verifier>,
    reflection: bool,
    request_timeout: Duration,
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
    AuthEndpoint(#[from] EndpointError),
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
        let auth = AuthClient::new(grpc::channel(&config.auth_endpoint)?, signing.issuer());
        let db = database::open(&config.database, config.environment, "onboarding").await?;

        Ok(Self {
            listener: Listener::bind(config.grpc.listen)?,
            rpc: Rpc {
                db,
                auth: Arc::new(auth),
                proofs: Proofs::new(config.bcrypt_cost),
                verifier: Arc::clone(&verifier),
                proxies: Arc::new(config.proxies.into()),
            },
            signing,
            verifier,
            reflection: config.grpc.reflection,
            request_timeout: config.grpc.request_timeout,
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
            readiness: Some(move || {
                let db = db.clone();
                async move { db.ping().await.is_ok() }
            }),
            services: &[SERVICE_NAME],
        };
        let _following = self.signing.follow(shutdown.clone());
        let service = OnboardingServiceServer::new(self.rpc).max_decoding_message_size(MAX_REQUEST);
        Box::pin(grpc::serve(self.listener, options, Routes::new(service), shutdown)).await
    }
}
