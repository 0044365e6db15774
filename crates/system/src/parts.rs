//! How the parts are configured.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rowhouse_auth::{MailArgs, SessionArgs, SignUpArgs};
use rowhouse_chassis::config::{
    DatabaseArgs, Environment, GrpcArgs, ProxyArgs, SigningArgs, TelemetryArgs, TrustArgs,
};
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_jobs::WorkerArgs;
use rowhouse_tokens::issuer;

use super::{Addresses, url};
use rowhouse_keys::KeyDirectory;

/// What the parts are made with. Each is in development.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where they listen.
    pub addresses: Addresses,
    /// What they sign with, and whom they believe.
    pub keys: KeyDirectory,
    /// How the services log in.
    pub databases: Databases,
    /// Told to each part; setting it up is the process's business.
    pub telemetry: TelemetryArgs,
    /// The longest time that a request may take.
    pub request_timeout: Duration,
    /// How many requests a tenant, a person and an API key may send to the gateway. The services, which are called without it as well, take
    /// twice as many.
    pub rate_limits: RateLimits,
    /// Cost of a password's hash.
    pub bcrypt_cost: u32,
    /// Life of an access token.
    pub token_lifetime: Duration,
    /// How long sessions live.
    pub sessions: SessionArgs,
    /// How often one may sign up.
    pub sign_ups: SignUpArgs,
    /// How letters are sent.
    pub mail: MailArgs,
    /// What auth and orders encrypt with.
    pub encryption_keys: PathBuf,
    /// How each service works its jobs off.
    pub jobs: WorkerArgs,
}

/// Each service's connection to the database, with its own role.
#[derive(Clone, Debug)]
pub struct Databases {
    /// As `rowhouse_auth`.
    pub auth: DatabaseArgs,
    /// As `rowhouse_onboarding`.
    pub onboarding: DatabaseArgs,
    /// As `rowhouse_orders`.
    pub orders: DatabaseArgs,
}

impl Parts {
    /// With what the services' own binaries have by default, but for the rates, which are not limited.
    #[must_use]
    pub fn new(
        addresses: Addresses,
        keys: KeyDirectory,
        databases: Databases,
        mail: MailArgs,
        encryption_keys: PathBuf,
    ) -> Self {
        Self {
            addresses,
            keys,
            databases,
            mail,
            encryption_keys,
            jobs: WorkerArgs::default(),
            sessions: SessionArgs::default(),
            sign_ups: SignUpArgs::default(),
            telemetry: TelemetryArgs::default(),
            request_timeout: Duration::from_secs(10),
            rate_limits: RateLimits::default(),
            bcrypt_cost: 12,
            token_lifetime: Duration::from_mins(10),
        }
    }

    fn grpc(&self, listen: SocketAddr) -> GrpcArgs {
        GrpcArgs {
            reflection: true,
            request_timeout: self.request_timeout,
            rate_limits: self.rate_limits.twice().into(),
            ..GrpcArgs::new(listen)
        }
    }

    fn trust(&self) -> TrustArgs {
        TrustArgs { trust_dir: self.keys.trust() }
    }

    fn signing(&self, issuer: &str) -> SigningArgs {
        SigningArgs { signing_keys: self.keys.signing_keys(issuer) }
    }

    pub(super) fn auth(&self) -> rowhouse_auth::Config {
        rowhouse_auth::Config {
            grpc: self.grpc(self.addresses.auth),
            database: self.databases.auth.clone(),
            trust: self.trust(),
            signing: self.signing(issuer::AUTH),
            telemetry: self.telemetry.clone(),
            environment: Environment::Dev,
            bcrypt_cost: self.bcrypt_cost,
            token_lifetime: self.token_lifetime,
            proxies: ProxyArgs::default(),
            sessions: self.sessions.clone(),
            sign_ups: self.sign_ups.clone(),
            mail: self.mail.clone(),
            encryption_keys: self.encryption_keys.clone(),
            jobs: self.jobs.clone(),
            require_verified_email: None,
        }
    }

    /// `auth`, `orders`: where they listen.
    pub(super) fn onboarding(&self, auth: SocketAddr, orders: SocketAddr) -> rowhouse_onboarding::Config {
        rowhouse_onboarding::Config {
            grpc: self.grpc(self.addresses.onboarding),
            database: self.databases.onboarding.clone(),
            trust: self.trust(),
            signing: self.signing(issuer::ONBOARDING),
            telemetry: self.telemetry.clone(),
            environment: Environment::Dev,
            proxies: ProxyArgs::default(),
            bcrypt_cost: self.bcrypt_cost,
            auth_endpoint: url(auth),
            orders_endpoint: url(orders),
            jobs: self.jobs.clone(),
        }
    }

    pub(super) fn orders(&self) -> rowhouse_orders::Config {
        rowhouse_orders::Config {
            grpc: self.grpc(self.addresses.orders),
            database: self.databases.orders.clone(),
            trust: self.trust(),
            telemetry: self.telemetry.clone(),
            environment: Environment::Dev,
            jobs: self.jobs.clone(),
            encryption_keys: self.encryption_keys.clone(),
        }
    }

    /// `services`: where they listen.
    pub(super) fn gateway(&self, services: Addresses) -> rowhouse_gateway::Config {
        rowhouse_gateway::Config {
            listen: self.addresses.gateway,
            auth_endpoint: url(services.auth),
            onboarding_endpoint: url(services.onboarding),
            orders_endpoint: url(services.orders),
            request_timeout: self.request_timeout,
            rate_limits: self.rate_limits.into(),
            proxies: ProxyArgs::default(),
            trust: self.trust(),
            telemetry: self.telemetry.clone(),
            environment: Environment::Dev,
        }
    }
}
