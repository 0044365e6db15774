//! From a configuration to a running service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::database::{self, DatabaseError};
use rowhouse_chassis::grpc::{self, BindError, GrpcOptions, Listener, ServeError};
use rowhouse_chassis::rate_limit::RateLimiter;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::signing::{Signing, SigningKeyError};
use rowhouse_jobs::Workers;
use rowhouse_proto::auth::v1::api_key_service_server::{ApiKeyServiceServer, SERVICE_NAME as API_KEYS};
use rowhouse_proto::auth::v1::audit_log_service_server::{AuditLogServiceServer, SERVICE_NAME as AUDIT_LOG};
use rowhouse_proto::auth::v1::auth_service_server::{AuthServiceServer, SERVICE_NAME as AUTH};
use rowhouse_proto::auth::v1::invitation_service_server::{
    InvitationServiceServer, SERVICE_NAME as INVITATIONS,
};
use rowhouse_proto::auth::v1::member_service_server::{MemberServiceServer, SERVICE_NAME as MEMBERS};
use rowhouse_proto::auth::v1::mfa_service_server::{MfaServiceServer, SERVICE_NAME as MFA};
use rowhouse_proto::auth::v1::session_service_server::{SERVICE_NAME as SESSIONS, SessionServiceServer};
use rowhouse_tokens::{Accepts, TrustError, TrustStore, Verifier, issuer};
use tonic::service::Routes;

use crate::Config;
use crate::domain::{Rate, SessionLifetimes};
use crate::hashing::{Hashing, HashingError};
use crate::jobs::{LetterSender, Reporting};
use crate::mail::{MailError, Mailer};
use crate::purge::purge_regularly;
use crate::rpc::{Rpc, SignUpRates};
use crate::sealing::{EncryptionKeysError, Sealing};
use crate::tasks::{TaskHandler, Tasks};

const PUBLIC_METHODS: &[&str] = &[
    "/auth.v1.AuthService/CompleteMfa",
    "/auth.v1.AuthService/GetJwks",
    "/auth.v1.AuthService/IssueToken",
    "/auth.v1.AuthService/Login",
    "/auth.v1.AuthService/Logout",
    "/auth.v1.AuthService/RefreshSession",
    "/auth.v1.AuthService/RequestPasswordReset",
    "/auth.v1.AuthService/ResendEmailVerification",
    "/auth.v1.AuthService/ResetPassword",
    "/auth.v1.AuthService/SwitchTenant",
    "/auth.v1.AuthService/VerifyEmail",
    "/auth.v1.InvitationService/AcceptInvitation",
];

/// A request has an address, a password and little else.
const MAX_REQUEST: usize = 1024 * 1024;

/// Below this cost a stolen table of hashes is soon a table of passwords.
const LEAST_COST_IN_PRODUCTION: u32 = 10;

/// The service, connected and bound, but not serving yet.
pub struct App {
    listener: Listener,
    rpc: Arc<Rpc>,
    signing: Signing,
    workers: Workers,
    verifier: Arc<Verifier>,
    reflection: bool,
    request_timeout: Duration,
    limiter: Arc<RateLimiter>,
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
    /// The database cannot be reached, or is not safe to serve from.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is nothing to encrypt with.
    #[error(transparent)]
    EncryptionKeys(#[from] EncryptionKeysError),
    /// Letters cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
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
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir).await?);
        let signing = Signing::load(issuer::AUTH, config.signing, Arc::clone(&trust)).await?;
        let accepts =
            Accepts { service_audience: Some(issuer::AUTH), service_issuers: &[issuer::ONBOARDING] };
        let verifier = Arc::new(Verifier::new(trust, accepts));

        let db = database::open(&config.database, config.environment, "auth").await?;

        let sealing = Sealing::load(&config.encryption_keys).await?;
        let tasks = Tasks::new(sealing.clone());
        let mailer = Mailer::new(&config.mail, config.environment)?;
        let letters = LetterSender { sealing: sealing.clone(), mailer: mailer.clone() };
        let workers = Workers::new(db.clone(), config.jobs)
            .handle(letters)
            .handle(Reporting { sealing: sealing.clone() })
            .handle_global(
                tasks.clone(),
                TaskHandler { tasks: tasks.clone(), sealing: sealing.clone(), mailer },
            );
        let hashing = Hashing::new(config.bcrypt_cost).await?;
        let rpc = Rpc {
            db,
            hashing,
            sealing,
            tasks,
            issuer: signing.issuer(),
            verifier: Arc::clone(&verifier),
            token_lifetime: config.token_lifetime,
            sessions: SessionLifetimes {
                idle: config.sessions.session_idle_lifetime,
                absolute: config.sessions.session_lifetime,
                grace: config.sessions.refresh_grace,
            },
            proxies: config.proxies.into(),
            sign_ups: SignUpRates {
                from_network: Rate::hourly(config.sign_ups.sign_ups_per_network),
                of_address: Rate::hourly(config.sign_ups.sign_ups_per_address),
            },
            require_verified_email: config
                .require_verified_email
                .unwrap_or(config.environment.is_production()),
        };
        Ok(Self {
            listener: Listener::bind(config.grpc.listen)?,
            rpc: Arc::new(rpc),
            signing,
            workers,
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
            services: &[AUTH, SESSIONS, MEMBERS, INVITATIONS, MFA, API_KEYS, AUDIT_LOG],
        };
        let rpc = || Arc::clone(&self.rpc);
        let routes = Routes::new(AuthServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST))
            .add_service(SessionServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST))
            .add_service(MemberServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST))
            .add_service(InvitationServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST))
            .add_service(MfaServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST))
            .add_service(ApiKeyServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST))
            .add_service(AuditLogServiceServer::from_arc(rpc()).max_decoding_message_size(MAX_REQUEST));
        let _following = self.signing.follow(shutdown.clone());
        let purging = tokio::spawn(purge_regularly(self.rpc.db.clone()));
        let (until, limit) = (shutdown.clone(), shutdown.limit());
        let workers = tokio::spawn(self.workers.run(async move { until.requested().await }, limit));
        let served = Box::pin(grpc::serve(self.listener, options, routes, shutdown)).await;
        if served.is_err() {
            // Nobody has asked them to stop.
            workers.abort();
        }
        // They finish or give back what they are doing; only a task that was aborted is an error.
        drop(workers.await);
        purging.abort();
        served
    }
}
