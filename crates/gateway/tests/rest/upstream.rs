//! Services that are down or do not answer, and stopping.

use std::net::Ipv4Addr;
use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_testkit::TestSystem;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::alone::{Alone, CLOSED};
use crate::api::Api;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_is_unavailable() {
    let gateway = Alone::start().await;
    let api = gateway.api.with_token(gateway.token());
    let login = json!({ "email": "ada@example.com", "password": "correct horse" });
    for request in [
        api.post("/v1/auth/login", &login),
        api.post("/v1/tenants", &json!({ "name": "Acme", "admin": login })),
        api.get("/v1/me"),
        api.get("/v1/orders"),
        api.get("/.well-known/jwks.json"),
    ] {
        let answer = request.refused(503, "unavailable").await;
        assert_eq!(answer.header("retry-after"), "1");
    }
    api.get("/healthz").expect(200).await;
    // Readiness is the gateway's own: without it, nobody would give these answers.
    assert_eq!(api.get("/readyz").expect(200).await.body["status"], "ready");
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_service_takes_only_the_requests_that_need_it() {
    let system = TestSystem::start().await;
    let upstream = PerService::from_fn(|service| match service {
        ServiceName::Orders => CLOSED.to_owned(),
        service => system.endpoint(service).to_owned(),
    });
    let gateway = Alone::before_each(upstream, Duration::from_secs(10)).await;
    let api = gateway.api.with_token(gateway.token());
    for path in ["/v1/orders", "/v1/exports/01990a5d-ac96-774b-bcce-b302099a8057"] {
        let answer = api.get(path).refused(503, "unavailable").await;
        assert_eq!(answer.header("retry-after"), "1");
    }
    api.get("/readyz").expect(200).await;
    api.get("/.well-known/jwks.json").expect(200).await;
    let login = json!({ "email": "ada@example.com", "password": "correct horse" });
    api.post("/v1/auth/login", &login).refused(401, "invalid_credentials").await;
    gateway.stopped().await;
    system.shutdown().await;
}

/// Accepts connections and reads, but does not answer.
pub(crate) async fn silent() -> (String, tokio::sync::mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0; 1];
            if stream.read_exact(&mut first).await.is_ok() && sender.send(stream).await.is_err() {
                break;
            }
        }
    });
    (url, receiver)
}

/// Answers each call with a head, and with nothing after it.
pub(crate) async fn stalling() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut begun = Vec::new();
                while let Some(Ok((_call, mut answer))) = connection.accept().await {
                    let head = http::Response::builder().header("content-type", "application/grpc");
                    begun.push(answer.send_response(head.body(()).unwrap(), false).unwrap());
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_silent_exceeds_the_deadline() {
    let (upstream, _connections) = silent().await;
    let gateway = Alone::before(upstream, Duration::from_millis(300)).await;
    let api = gateway.api.with_token(gateway.token());
    api.get("/v1/me").refused(504, "deadline_exceeded").await;
    api.get("/readyz").expect(200).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_is_answered_before_the_gateway_stops() {
    let (upstream, mut connections) = silent().await;
    let gateway = Alone::before(upstream, Duration::from_secs(1)).await;
    let (address, api) = (gateway.address(), gateway.api.with_token(gateway.token()));
    let idle = TcpStream::connect(address).await.unwrap();
    let running =
        tokio::spawn(async move { api.get("/v1/me").refused(504, "deadline_exceeded").await.status });
    let _connection = connections.recv().await.unwrap();
    gateway.request_stop();
    assert_eq!(running.await.unwrap(), 504);
    tokio::time::timeout(Duration::from_secs(5), gateway.stopped()).await.unwrap();
    TcpStream::connect(address).await.unwrap_err();
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_system_is_ready() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    assert_eq!(api.get("/healthz").expect(200).await.body["status"], "ok");
    assert_eq!(api.get("/readyz").expect(200).await.body["status"], "ready");
    let keys = api.get("/.well-known/jwks.json").expect(200).await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    for key in keys.body["keys"].as_array().unwrap() {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"]),
            (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"))
        );
        assert!(key.get("d").is_none(), "a private key was published");
    }
    system.shutdown().await;
}
