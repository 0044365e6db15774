//! A gateway with no service, or an unusual one, behind it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use rowhouse_catalog::PerService;
use rowhouse_chassis::config::{
    AdmissionArgs, CallTlsArgs, Environment, OfEachService, ProxyArgs, TelemetryArgs, TlsArgs, TrustArgs,
};
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_gateway::{App, Config, HttpTlsArgs, ServeError};
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::api::Api;

/// The tenant of [`Alone::token`].
pub(crate) const TENANT: &str = "01990a5d-ac96-774b-bcce-b302099a8057";

pub(crate) struct Alone {
    pub(crate) api: Api,
    address: SocketAddr,
    keys: Keys,
    trigger: Trigger,
    serving: JoinHandle<Result<(), ServeError>>,
}

/// Auth's key, and the directory of the gateway's trusted keys.
struct Keys {
    private: ed25519_dalek::SigningKey,
    kid: String,
    directory: TempDir,
}

impl Keys {
    fn generate() -> Self {
        let key = SigningKey::generate().unwrap();
        let private = ed25519_dalek::SigningKey::from_pkcs8_pem(&key.to_pem().unwrap()).unwrap();
        let kid = key.kid().to_owned();
        let public = serde_json::to_vec(&TokenIssuer::new(issuer::AUTH, key).public_keys()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(format!("{}.jwks.json", issuer::AUTH)), public).unwrap();
        Self { private, kid, directory }
    }
}

/// An address on which nothing listens. No free port is as low.
pub(crate) const CLOSED: &str = "http://127.0.0.1:1";

fn config(keys: &Keys, upstream: PerService<String>, request_timeout: Duration) -> Config {
    let rate = "1000:10000".parse().unwrap();
    Config {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        endpoints: OfEachService(upstream),
        request_timeout,
        admission: AdmissionArgs::default(),
        rate_limits: RateLimits { tenant: rate, user: rate, api_key: rate }.into(),
        http_tls: HttpTlsArgs::default(),
        tls: TlsArgs::default(),
        calls: CallTlsArgs::default(),
        proxies: ProxyArgs::this_machine(),
        trust: TrustArgs::new(keys.directory.path().to_owned()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
    }
}

/// A gateway without a client.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    trigger: Trigger,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    /// Starts a gateway before no service, with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let keys = Keys::generate();
        let nowhere = PerService::from_fn(|_| CLOSED.to_owned());
        let mut config = config(&keys, nowhere, Duration::from_secs(10));
        change(&mut config);
        Self::start(config).await
    }

    async fn start(config: Config) -> Self {
        let app = App::build(config).await.unwrap();
        let address = app.address();
        let (trigger, shutdown) = Shutdown::new();
        Self { address, trigger, serving: tokio::spawn(app.serve(shutdown)) }
    }

    pub(crate) async fn stop(self) {
        self.trigger.request();
        self.serving.await.unwrap().unwrap();
    }
}

impl Alone {
    pub(crate) async fn start() -> Self {
        Self::before(CLOSED.to_owned(), Duration::from_secs(10)).await
    }

    /// Starts a gateway that has `upstream` for all services.
    pub(crate) async fn before(upstream: String, request_timeout: Duration) -> Self {
        Self::before_each(PerService::from_fn(|_| upstream.clone()), request_timeout).await
    }

    pub(crate) async fn before_each(upstream: PerService<String>, request_timeout: Duration) -> Self {
        Self::with(upstream, request_timeout, |_| {}).await
    }

    /// Does the same with other settings.
    pub(crate) async fn with(
        upstream: PerService<String>,
        request_timeout: Duration,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let keys = Keys::generate();
        let mut config = config(&keys, upstream, request_timeout);
        change(&mut config);
        let Served { address, trigger, serving } = Served::start(config).await;
        let api = Api::of(format!("http://{address}")).await;
        Self { api, address, keys, trigger, serving }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a valid token.
    pub(crate) fn token(&self) -> String {
        self.sign(&self.header(), &Self::claims())
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": self.keys.kid })
    }

    pub(crate) fn claims() -> Value {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        json!({
            "iss": issuer::DEVELOPMENT, "aud": "rowhouse", "sub": Uuid::now_v7(), "client_id": "rowhouse",
            "tenant_id": TENANT, "role": "admin", "sid": Uuid::now_v7(), "jti": Uuid::now_v7(), "iat": now, "exp": now + 600,
        })
    }

    /// Signs any header and claims with auth's key.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.keys.private.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn request_stop(&self) {
        self.trigger.request();
    }

    pub(crate) async fn stopped(self) {
        self.trigger.request();
        self.serving.await.unwrap().unwrap();
    }
}

pub(crate) fn encode(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}
