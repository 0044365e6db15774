//! [`App`], the service from its configuration to its end.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantDb;
use rowhouse_tokens::{Accepts, TrustStore, Verifier};

use super::audit::audit_regularly;
use super::core::Core;
use super::parts::Parts;
use super::tasks::{self, Task, TaskError};
use super::usage::{record_regularly, record_rest};
use super::{Config, Service};
use crate::access::AccessRules;
use crate::admission::Admission;
use crate::client::TrustedProxies;
use crate::database;
use crate::grpc::{self, GrpcOptions, Listener, ServeError, StreamedMethods};
use crate::limits;
use crate::program::StartError;
use crate::rate_limit::RateLimiter;
use crate::shutdown::Shutdown;
use crate::tls::{ServerTls, expiry};

/// A service, connected and bound, but not serving yet.
pub struct App {
    listener: Listener,
    unbound: Unbound,
}

/// A service without its socket.
struct Unbound {
    name: ServiceName,
    parts: Parts,
    db: TenantDb,
    verifier: Arc<Verifier>,
    limiter: Arc<RateLimiter>,
    access: Arc<AccessRules>,
    reflection: Option<&'static [u8]>,
    request_timeout: Duration,
    max_connection_age: Duration,
    max_connections: NonZeroUsize,
    admission: Admission,
    streamed: StreamedMethods,
    audit_interval: Duration,
    tls: Option<ServerTls>,
    proxies: TrustedProxies,
}

/// The reason why a service ended without a request to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It stopped serving.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A background task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl App {
    /// Reads the trusted keys, connects, audits the service's own schema, and builds its parts; binds last. When this returns,
    /// connections queue up until [`App::serve`] takes them. Needs a tokio runtime.
    pub async fn build<S: Service>(config: Config<S>) -> Result<Self, StartError> {
        let listen = config.grpc.listen;
        let unbound = Unbound::build(config, Database::Connected).await?;
        Ok(Self { listener: Listener::bind(listen)?, unbound })
    }

    /// Does the same as [`App::build`], on a socket that is bound already.
    pub async fn build_on<S: Service>(listener: Listener, config: Config<S>) -> Result<Self, StartError> {
        Ok(Self { listener, unbound: Unbound::build(config, Database::Connected).await? })
    }

    /// Checks the configuration: does the same as [`App::build`], without a connection to the database, and without binding.
    pub async fn check<S: Service>(config: Config<S>) -> Result<(), StartError> {
        Unbound::build(config, Database::Unconnected).await.map(drop)
    }

    /// Returns the address with the actual port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is requested and the running calls and background tasks are finished, or a task fails. Dropping
    /// the future drops all of it.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), RunError> {
        let Self { listener, unbound } = self;
        let Unbound {
            name,
            parts,
            db,
            verifier,
            limiter,
            access,
            reflection,
            request_timeout,
            max_connection_age,
            max_connections,
            admission,
            streamed,
            audit_interval,
            tls,
            proxies,
        } = unbound;
        let Parts { routes, services, mut tasks } = parts;
        tasks.push(Task::companion("audit", audit_regularly(db.clone(), name, audit_interval)));
        tasks.push(Task::companion("usage", record_regularly(db.clone())));
        let used = db.clone();
        let measured = db.clone();
        expiry::observe("database", move || measured.certificate_expiry());
        let options = GrpcOptions {
            verifier,
            access,
            reflection,
            request_timeout,
            max_connection_age,
            max_connections,
            tls,
            proxies,
            limiter,
            admission,
            streamed,
            readiness: Some(move || {
                let db = db.clone();
                async move { db.ping().await.is_ok() }
            }),
            services,
        };
        let serve = |shutdown| async {
            // Boxed: the future holds the whole server, too much for the stack of each that awaits it.
            Ok(Box::pin(grpc::serve(listener, options, routes, shutdown)).await?)
        };
        let served = tasks::beside(tasks, &shutdown, serve).await;
        record_rest(&used).await;
        served
    }
}

/// The state of the connection to the database.
enum Database {
    Connected,
    Unconnected,
}

impl Unbound {
    async fn build<S: Service>(config: Config<S>, database: Database) -> Result<Self, StartError> {
        let grpc = config.grpc;
        grpc.tls.refuse_plaintext(grpc.listen, config.environment)?;
        let tls = ServerTls::load(&grpc.tls).await?;
        let trust = Arc::new(TrustStore::load(config.trust.trust_dir).await?);
        let access = AccessRules::of(S::DESCRIPTORS, S::NAME.packages())
            .map_err(|error| StartError::Own(error.into()))?;
        let callers = access.callers();
        let accepts = Accepts {
            service_audience: (!callers.is_empty()).then_some(S::NAME.program()),
            service_issuers: &callers,
        };
        let issuer = config.trust.issuer.current().clone();
        let verifier = Arc::new(Verifier::new(Arc::clone(&trust), &config.trust.issuer, accepts));
        let db = match database {
            Database::Connected => database::open(&config.database, config.environment, S::NAME).await?,
            Database::Unconnected => database::check(&config.database, config.environment).await?,
        };
        let limiter = Arc::new(RateLimiter::new(grpc.rate_limits.limits()));
        limits::expect_refusals();
        let core = Core {
            name: S::NAME,
            db: db.clone(),
            verifier: Arc::clone(&verifier),
            limiter: Arc::clone(&limiter),
            environment: config.environment,
            issuer,
            tls: grpc.tls.tls,
            trust,
        };
        let parts = Box::pin(S::build(&core, config.args)).await.map_err(StartError::Own)?;
        access.cover(&parts.services).map_err(|error| StartError::Own(error.into()))?;
        let parts = match tls.clone() {
            Some(tls) => parts.companion("certificates", tls.follow()),
            None => parts,
        };
        Ok(Self {
            name: S::NAME,
            parts,
            db,
            verifier,
            limiter,
            access: Arc::new(access),
            reflection: grpc.reflection.then_some(S::DESCRIPTORS),
            request_timeout: grpc.request_timeout,
            max_connection_age: grpc.max_connection_age,
            max_connections: grpc.admission.max_connections,
            admission: Admission::at_server(S::NAME, grpc.admission.max_concurrent_calls),
            streamed: StreamedMethods::of(S::DESCRIPTORS).map_err(|error| StartError::Own(error.into()))?,
            audit_interval: config.database.audit_interval,
            tls,
            proxies: grpc.proxies.into(),
        })
    }
}
