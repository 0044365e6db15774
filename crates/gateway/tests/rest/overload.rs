//! Too much at once, and clients that are slow.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rowhouse_chassis::config::AdmissionArgs;
use rowhouse_testkit::{TestOptions, TestSystem};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::alone::Alone;
use crate::api::Api;
use crate::upstream::silent;

/// The connections of the tenant that asks for too much.
const CONNECTIONS: usize = 60;

/// Services that run two calls at once.
async fn narrow() -> TestSystem {
    let admission = AdmissionArgs { max_concurrent_calls: NonZeroUsize::new(2).unwrap() };
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

/// The time in which the body arrives is not added to the time that the service has.
#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_begins_with_the_arrival() {
    let limit = Duration::from_secs(4);
    let (upstream, _connections) = silent().await;
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
