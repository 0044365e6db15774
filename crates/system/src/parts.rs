//! The configuration of the parts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rowhouse_auth::{MailArgs, SessionArgs, SignUpArgs};
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::config::{
    AdmissionArgs, CallTlsArgs, DatabaseArgs, Environment, GrpcArgs, OfEachService, ProxyArgs, SigningArgs,
    TelemetryArgs, TlsArgs, TrustArgs,
};
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_chassis::service::{Config, Service};
use rowhouse_gateway::HttpTlsArgs;
use rowhouse_jobs::WorkerArgs;
use rowhouse_tokens::Issuers;

use super::{Addresses, url};
use rowhouse_keys::KeyDirectory;

/// The settings of the parts. All are in development mode.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The addresses.
    pub addresses: Addresses,
    /// The signing keys and the trusted keys.
    pub keys: KeyDirectory,
    /// The issuer of access tokens; the gateway's address if absent.
    pub issuer: Option<Issuers>,
    /// The settings with which the services connect to the database, each as its own role.
    pub databases: PerService<DatabaseArgs>,
    /// The telemetry arguments for each part; the process sets telemetry up.
    pub telemetry: TelemetryArgs,
    /// The time limit of a request.
    pub request_timeout: Duration,
    /// The calls that run at once in each service, and the connections to each part.
    pub admission: AdmissionArgs,
    /// The gateway's rate limits for a tenant, a person and an API key. The services, which can also be called
    /// directly, have twice as high ones.
    pub rate_limits: RateLimits,
    /// The cost of a password's hash.
    pub bcrypt_cost: u32,
    /// The lifetime of an access token.
    pub token_lifetime: Duration,
    /// The lifetimes of sessions.
    pub sessions: SessionArgs,
    /// The limits on sign-ups.
    pub sign_ups: SignUpArgs,
    /// The settings for emails.
    pub mail: MailArgs,
    /// The encryption keys of auth and orders.
    pub encryption_keys: PathBuf,
    /// The settings of the job workers.
    pub jobs: WorkerArgs,
}

impl Parts {
    /// Creates settings with the defaults of the services' own binaries, except for rate limits, of which there are
    /// none.
    #[must_use]
    pub fn new(
        addresses: Addresses,
        keys: KeyDirectory,
        databases: PerService<DatabaseArgs>,
        mail: MailArgs,
        encryption_keys: PathBuf,
    ) -> Self {
        Self {
            addresses,
            keys,
            issuer: None,
            databases,
            mail,
            encryption_keys,
            jobs: WorkerArgs::default(),
            sessions: SessionArgs::default(),
            sign_ups: SignUpArgs::default(),
            telemetry: TelemetryArgs::default(),
            request_timeout: Duration::from_secs(10),
            admission: AdmissionArgs::default(),
            rate_limits: RateLimits::default(),
            bcrypt_cost: 12,
            token_lifetime: Duration::from_mins(10),
        }
    }

    /// Returns the configuration of a service: the shared arguments and `args`.
    pub(super) fn service<S: Service>(&self, args: S::Args) -> Config<S> {
        Config {
            args,
            grpc: GrpcArgs {
                reflection: true,
                request_timeout: self.request_timeout,
                admission: self.admission,
                rate_limits: self.rate_limits.twice().into(),
                ..GrpcArgs::new(self.addresses.services[S::NAME])
            },
            database: self.databases[S::NAME].clone(),
            trust: self.trust(),
            telemetry: self.telemetry.clone(),
            environment: Environment::Dev,
        }
    }

    fn trust(&self) -> TrustArgs {
        let issuer = self.issuer.clone().unwrap_or_else(Issuers::development);
        TrustArgs { trust_dir: self.keys.trust(), issuer }
    }

    pub(super) fn signing(&self, service: ServiceName) -> SigningArgs {
        SigningArgs { signing_keys: self.keys.signing_keys(service.program()) }
    }

    /// Returns the gateway's configuration. `services` are the addresses.
    pub(super) fn gateway(&self, services: PerService<SocketAddr>) -> rowhouse_gateway::Config {
        rowhouse_gateway::Config {
            listen: self.addresses.gateway,
            endpoints: OfEachService(services.map(|_, address| url(address))),
            request_timeout: self.request_timeout,
            // The calls that run at once are those of the services.
            admission: AdmissionArgs {
                max_connections: self.admission.max_connections,
                ..AdmissionArgs::default()
            },
            rate_limits: self.rate_limits.into(),
            http_tls: HttpTlsArgs::default(),
            tls: TlsArgs::default(),
            calls: CallTlsArgs::default(),
            proxies: ProxyArgs::this_machine(),
            trust: self.trust(),
            telemetry: self.telemetry.clone(),
            environment: Environment::Dev,
        }
    }
}
