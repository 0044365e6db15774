//! Too much at once, and clients that are slow.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rowhouse_catalog::PerService;
use rowhouse_chassis::config::AdmissionArgs;
use rowhouse_testkit::{TestOptions, TestSystem};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::alone::{Alone, CLOSED};
use crate::api::Api;
use crate::upstream::{silent, stalling};

/// The connections of the tenant that asks for too much.
const CONNECTIONS: usize = 60;

/// Services that run two calls at once.
async fn narrow() -> TestSystem {
    let admission =
        AdmissionArgs { max_concurrent_calls: NonZeroUsize::new(2).unwrap(), ..AdmissionArgs::default() };
    TestSystem::start_with(TestOptions { admission, ..TestOptions::default() }).await
}

/// The numbers of the flood's requests, by their answers.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    refused: AtomicUsize,
}

async fn flood(api: Api, stop: Arc<AtomicBool>, tally: Arc<Tally>) {
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (api, stop, tally) = (api.clone(), Arc::clone(&stop), Arc::clone(&tally));
        connections.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = api.get("/v1/orders").send().await;
                if answer.status == 200 {
                    tally.answered.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                assert_eq!(
                    (answer.status, &answer.body["code"]),
                    (503, &json!("overloaded")),
                    "{}",
                    answer.text
                );
                let after: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=3).contains(&after), "{after}");
                tally.refused.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(connection) = connections.join_next().await {
        connection.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_and_another_tenant_is_served() {
    let system = narrow().await;
    let (busy, quiet) = (system.onboard("Busy").await, system.onboard("Quiet").await);
    let api = Api::of(system.gateway_url()).await;
    let (stop, tally) = (Arc::<AtomicBool>::default(), Arc::<Tally>::default());
    let flooding = tokio::spawn(flood(api.with_token(&busy.token), Arc::clone(&stop), Arc::clone(&tally)));
    let began = Instant::now();
    while tally.refused.load(Ordering::Relaxed) < CONNECTIONS {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing is refused");
        tokio::task::yield_now().await;
    }
    let quiet = api.with_token(&quiet.token);
    for _ in 0..20 {
        quiet.get("/v1/orders").expect(200).await;
    }
    stop.store(true, Ordering::Relaxed);
    flooding.await.unwrap();
    assert!(tally.answered.load(Ordering::Relaxed) > 0);
    api.with_token(&busy.token).get("/v1/orders").expect(200).await;
    system.shutdown().await;
}

/// A refused request costs its client no connection: the next one is answered over the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_at_the_door_leaves_its_connection_open() {
    let (upstream, _connections) = silent().await;
    let upstream = PerService::from_fn(|_| upstream.clone());
    let two =
        AdmissionArgs { max_concurrent_calls: NonZeroUsize::new(2).unwrap(), ..AdmissionArgs::default() };
    let gateway = Alone::with(upstream, Duration::from_secs(30), |config| config.admission = two).await;
    let token = gateway.token();
    let mut waiting = JoinSet::new();
    for _ in 0..30 {
        let api = gateway.api.with_token(&token);
        waiting.spawn(async move { api.get("/v1/orders").send().await.status });
    }
    assert_eq!(waiting.join_next().await.unwrap().unwrap(), 503, "the queue is full");

    let mut connection = TcpStream::connect(gateway.address()).await.unwrap();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let body = "x".repeat(20_000);
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {token}\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..2 {
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.flush().await.unwrap();
        tokio::task::yield_now().await;
        connection.write_all(body.as_bytes()).await.unwrap();
        let (head, body) = answer(&mut connection).await;
        assert!(head.starts_with("http/1.1 503 "), "{head}");
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        assert!(head.contains("retry-after: "), "{head}");
        assert!(head.contains(&format!("traceparent: 00-{trace}-")), "{head}");
        assert!(!head.contains("b7ad6b7169203331"), "{head}");
        assert_eq!((&body["code"], &body["trace_id"]), (&json!("overloaded"), &json!(trace)), "{body}");
    }
    // One that is not known takes the usual way.
    let unknown = gateway.api.with_token(Alone::token(&gateway).replace('.', "_"));
    unknown.get("/v1/orders").refused(401, "token_invalid").await;
    waiting.abort_all();
    gateway.stopped().await;
}

/// Sends the head of a request, and returns the connection.
async fn begin(gateway: &Alone, length: usize) -> TcpStream {
    let mut connection = TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "POST /v1/auth/login HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

/// Reads the answer until the end of the body that is JSON.
async fn answer(connection: &mut TcpStream) -> (String, Value) {
    let mut read = String::new();
    loop {
        let mut chunk = [0; 4096];
        let length = connection.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "the connection ended: {read}");
        read.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        let (head, body) = read.split_once("\r\n\r\n").unwrap_or((&read, ""));
        if let Ok(body) = serde_json::from_str(body) {
            return (head.to_ascii_lowercase(), body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_is_told_so() {
    let (upstream, _connections) = silent().await;
    let gateway = Alone::before(upstream, Duration::from_millis(400)).await;
    let mut connection = begin(&gateway, 100).await;
    connection.write_all(b"{\"email\":").await.unwrap();
    let (head, body) = answer(&mut connection).await;
    assert!(head.starts_with("http/1.1 408 "), "{head}");
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    assert_eq!(body["code"], "request_too_slow", "{body}");
    gateway.stopped().await;
}

/// Sends a request whose body takes three quarters of its time, to services that do not answer it.
async fn slow_body_to_slow_services(upstream: String, limit: Duration) {
    let gateway = Alone::before(upstream, limit).await;
    let body = json!({ "email": "ada@example.com", "password": "correct horse" }).to_string();
    let began = Instant::now();
    let mut connection = begin(&gateway, body.len()).await;
    tokio::time::sleep(limit * 3 / 4).await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let (head, body) = answer(&mut connection).await;
    assert!(head.starts_with("http/1.1 504 "), "{head}: {body}");
    assert!(began.elapsed() >= limit, "{:?}", began.elapsed());
    assert!(began.elapsed() < limit * 3 / 2, "{:?}", began.elapsed());
    gateway.stopped().await;
}

/// The time in which the body arrives is not added to the time that the service has.
#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_begins_with_the_arrival() {
    let (upstream, _connections) = silent().await;
    slow_body_to_slow_services(upstream, Duration::from_secs(4)).await;
}

/// Nor is it added to the time of an answer that has begun.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_begun_has_the_same_deadline() {
    slow_body_to_slow_services(stalling().await, Duration::from_secs(4)).await;
}

/// Returns a token of another tenant each time.
fn another_tenant(gateway: &Alone) -> String {
    let mut claims = Alone::claims();
    claims["tenant_id"] = json!(Uuid::now_v7());
    gateway.sign(&gateway.header(), &claims)
}

/// All come from one network, as the customers of a provider do.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_leaves_room_for_the_large_bodies_of_others() {
    const PART: usize = 80 * 1024;
    let gateway = Alone::before(CLOSED.to_owned(), Duration::from_secs(60)).await;
    let (token, quiet) = (another_tenant(&gateway), another_tenant(&gateway));
    let line = json!({ "sku": "chair", "quantity": 1, "unit_price_minor": 1 });
    let order = json!({ "customer": "x".repeat(PART), "currency": "EUR", "lines": [line] });
    let (busy, quiet) = (gateway.api.with_token(token.clone()), gateway.api.with_token(quiet));
    let mut unfinished = Vec::new();
    while busy.post("/v1/orders", &order).expect(503).await.body["code"] != "overloaded" {
        assert!(unfinished.len() < 200, "there is room for all");
        for _ in 0..8 {
            let mut connection = TcpStream::connect(gateway.address()).await.unwrap();
            let head = format!(
                "POST /v1/orders HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                2 * PART
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(&vec![b' '; PART]).await.unwrap();
            unfinished.push(connection);
        }
    }
    // The services are not there, but the gateway asked for them.
    quiet.post("/v1/orders", &order).refused(503, "unavailable").await;
    drop(unfinished);
    gateway.stopped().await;
}
