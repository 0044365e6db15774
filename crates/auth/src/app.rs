//! From a configuration to a running service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::database::{self, DatabaseError};
use rowhouse_chassis::grpc::{self, BindError, GrpcOptions, Listener, ServeError};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::signing::{SigningKeyError, load_key};
use rowhouse_proto::auth::v1::auth_service_server::{AuthServiceServer, SERVICE_NAME};
use rowhouse_tokens::{Accepts, Role, TokenError, TokenIssuer, TrustError, TrustStore, Verifier, issuer};
use tonic::service::Routes;
use uuid::Uuid;

use crate::Config;
use crate::hashing::{Hashing, HashingError};
use crate::rpc::Rpc;

const PUBLIC_METHODS: &[&str] = &["/auth.v1.AuthService/Login", "/auth.v1.AuthService/GetJwks"];

/// A request has an address, a password and little else.
const MAX_REQUEST: usize = 1024 * 1024;

/// Below this cost a stolen table of hashes is soon a table of passwords.
const LEAST_COST_IN_PRODUCTION: u32 = 10;

/// The service, connected and bound, but not serving yet.
pub struct App {
    listener: Listener,
    rpc: Rpc,
    verifier: Arc<Verifier>,
    reflection: bool,
    request_timeout: Duration,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The cost is for development only.
    #[error("a bcrypt cost of {0} is too low for production: use {LEAST_COST_IN_PRODUCTION} or more")]
    Cost(u32),
    /// There is no key to sign with.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// The trusted keys cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Nobody would believe the tokens.
    #[error("{issuer}.jwks.json in {directory} has another key than the one that signs: publish it first ({source})", issuer = issuer::AUTH)]
    Untrusted {
        /// Where the trusted keys are.
        directory: PathBuf,
        /// Why a token is not believed.
        source: TokenError,
    },
    /// The database cannot be reached, or is not safe to serve from.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Not even one password can be hashed.
    #[error("passwords cannot be hashed: {0}")]
    Hashing(String),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl From<HashingError> for StartError {
    fn from(error: HashingError) -> Self {
        Self::Hashing(error.to_string())
    }
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
        if config.environment.is_production() && config.bcrypt_cost < LEAST_COST_IN_PRODUCTION {
            return Err(StartError::Cost(config.bcrypt_cost));
        }
        let issuer = TokenIssuer::new(issuer::AUTH, load_key(config.signing).await?);
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir.clone()).await?);
        let accepts =
            Accepts { service_audience: Some(issuer::AUTH), service_issuers: &[issuer::ONBOARDING] };
        let verifier = Arc::new(Verifier::new(trust, accepts));
        believed(&issuer, &verifier)
            .await
            .map_err(|source| StartError::Untrusted { directory: config.trust.trust_dir, source })?;

        let db = database::open(&config.database, config.environment, "auth").await?;

        let hashing = Hashing::new(config.bcrypt_cost).await?;
        Ok(Self {
            listener: Listener::bind(config.grpc.listen)?,
            rpc: Rpc { db, hashing, issuer, token_lifetime: config.token_lifetime },
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
        let service = AuthServiceServer::new(self.rpc).max_decoding_message_size(MAX_REQUEST);
        Box::pin(grpc::serve(self.listener, options, Routes::new(service), shutdown)).await
    }
}

/// Signs a token for nobody and verifies it, as every other service will verify those for somebody.
async fn believed(issuer: &TokenIssuer, verifier: &Verifier) -> Result<(), TokenError> {
    let lifetime = Duration::from_secs(1);
    let signed = issuer.access_token(Uuid::nil(), Uuid::nil(), Role::Viewer, lifetime)?;
    verifier.verify(&signed.token).await.map(drop)
}
