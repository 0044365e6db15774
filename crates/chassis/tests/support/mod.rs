//! A service without a schema: each method takes a text and answers with one.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::future::Ready;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::access::{AccessRules, Rule};
use rowhouse_chassis::admission::Admission;
use rowhouse_chassis::config::{AdmissionArgs, ProxyArgs};
use rowhouse_chassis::grpc::{GrpcOptions, Listener, ServeError, TracedChannel, channel, serve};
use rowhouse_chassis::grpc_service;
use rowhouse_chassis::rate_limit::{RateLimiter, RateLimits};
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_tokens::{
    Accepts, Issuers, Permission, Role, SigningKey, TokenIssuer, TrustStore, Verifier, issuer,
};
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

pub type Reply = Result<Response<String>, Status>;
type Handler = Arc<dyn Fn(Request<String>) -> BoxFuture<'static, Reply> + Send + Sync>;

#[derive(Clone, Default)]
pub struct Echo {
    methods: HashMap<String, Handler>,
}

impl Echo {
    pub fn method<F>(
        mut self,
        name: &str,
        handler: impl Fn(Request<String>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request| handler(request).boxed());
        self.methods.insert(format!("/{}/{name}", Self::NAME), handler);
        self
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "test.v1.EchoService";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Some(handler) = self.methods.get(request.uri().path()).cloned() else {
            return Box::pin(std::future::ready(Ok(Status::unimplemented("no such method").into_http())));
        };
        Box::pin(async move {
            let method = tower::service_fn(move |request: Request<String>| handler(request));
            let codec = ProstCodec::<String, String>::default();
            let mut grpc = grpc_service!(tonic::server::Grpc::new(codec));
            Ok(grpc.unary(method, request).await)
        })
    }
}

/// A running server. It stops on request, or with its runtime.
pub struct Running {
    pub address: SocketAddr,
    pub trigger: Trigger,
    pub served: JoinHandle<Result<(), ServeError>>,
    pub channel: TracedChannel,
}

impl Running {
    pub async fn call(&self, method: &str, text: &str) -> Reply {
        call(&self.channel, method, Request::new(text.to_owned())).await
    }

    pub async fn stop(self) {
        self.trigger.request();
        self.served.await.unwrap().unwrap();
    }
}

pub type NoReadiness = fn() -> Ready<bool>;

/// Returns an issuer, and a verifier that trusts it.
pub async fn trusted_issuer() -> (TokenIssuer, Arc<Verifier>) {
    let directory = tempfile::tempdir().unwrap();
    let issuer = TokenIssuer::new(issuer::DEVELOPMENT, SigningKey::generate().unwrap());
    let keys = serde_json::to_vec(&issuer.public_keys()).unwrap();
    fs::write(directory.path().join(format!("{}.jwks.json", issuer::AUTH)), keys).unwrap();
    let trust = Arc::new(TrustStore::load(directory.path().to_path_buf()).await.unwrap());
    let accepts = Accepts { service_audience: None, service_issuers: &[] };
    (issuer, Arc::new(Verifier::new(trust, &Issuers::development(), accepts)))
}

/// The permission for methods of the echo service that are not public.
pub const CALL: Permission = Permission::new("echo:call", "Call the echo service", Role::Viewer);

/// Rules by which everybody may call the methods in `public`, and callers with [`CALL`] those in `permitted`.
pub fn rules(public: &[&str], permitted: &[&str]) -> Arc<AccessRules> {
    let permission = Rule::Permission { permission: CALL, person_only: false };
    let public = public.iter().map(|method| (method, Rule::Public));
    let all = public.chain(permitted.iter().map(|method| (method, permission)));
    Arc::new(all.map(|(method, rule)| (format!("/test.v1.EchoService/{method}"), rule)).collect())
}

pub async fn options() -> GrpcOptions<NoReadiness> {
    let (_issuer, verifier) = trusted_issuer().await;
    GrpcOptions {
        tls: None,
        proxies: ProxyArgs::default().into(),
        verifier,
        access: rules(
            &["Echo", "Forward", "Hang", "Panic", "Refuse", "Remaining", "Stream", "TraceId", "Wait"],
            &[],
        ),
        reflection: None,
        request_timeout: Duration::from_secs(10),
        max_connection_age: Duration::ZERO,
        max_connections: AdmissionArgs::default().max_connections,
        limiter: Arc::new(RateLimiter::new(RateLimits::default())),
        admission: Admission::at_server(ServiceName::Orders, NonZeroUsize::new(64).unwrap()),
        streamed: std::iter::once("/test.v1.EchoService/Stream".to_owned()).collect(),
        readiness: None,
        services: vec!["test.v1.EchoService"],
    }
}

pub fn start<R, F>(options: GrpcOptions<R>, echo: Echo) -> Running
where
    R: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    start_at(Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap(), options, echo)
}

pub fn start_at<R, F>(listener: Listener, options: GrpcOptions<R>, echo: Echo) -> Running
where
    R: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    start_routes(listener, options, Routes::new(echo))
}

pub fn start_routes<R, F>(listener: Listener, options: GrpcOptions<R>, routes: Routes) -> Running
where
    R: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let address = listener.local_addr();
    let (trigger, shutdown) = Shutdown::new();
    let served = tokio::spawn(serve(listener, options, routes, shutdown));
    Running { address, trigger, served, channel: channel(&format!("http://{address}")).unwrap() }
}

pub async fn call(channel: &TracedChannel, method: &str, request: Request<String>) -> Reply {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/test.v1.EchoService/{method}")).unwrap();
    grpc.unary(request, path, ProstCodec::<String, String>::default()).await
}

/// Sets its flag when it is dropped.
pub struct OnDrop(pub tokio_util::sync::CancellationToken);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
