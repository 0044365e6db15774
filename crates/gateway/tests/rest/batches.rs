//! The order at the gateway's places: people's requests come before batches.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_web::web::Bytes;
use h2::server::SendResponse;
use rowhouse_catalog::PerService;
use rowhouse_chassis::config::AdmissionArgs;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::alone::Alone;
use crate::api::Api;

/// The time limit for what happens in the background.
const LIMIT: Duration = Duration::from_secs(60);
/// More than the time for which a queue is a burst, in which as many requests wait in all as of one urgency.
const BURST: Duration = Duration::from_millis(150);
/// The number of requests of a tenant and an urgency that wait for one place. One more is refused.
const WAITERS: usize = 4;

const RUNNING: &str = "/v1/orders/01990a5d-ac96-774b-bcce-b302099a8057";
const OF_PEOPLE: &str = "/v1/orders";
const MARKED: &str = "/v1/exports/01990a5d-ac96-774b-bcce-b302099a8057";
const OF_KEYS: &str = "/v1/webhook-endpoints";

/// A call to a service, to be answered.
struct Call {
    method: String,
    answer: SendResponse<Bytes>,
}

impl Call {
    /// Answers with an error that each operation has.
    fn end(mut self) {
        let head =
            http::Response::builder().header("content-type", "application/grpc").header("grpc-status", "13");
        self.answer.send_response(head.body(()).unwrap(), true).unwrap();
    }
}

/// Starts a service that answers when the test does.
async fn patient() -> (String, mpsc::Receiver<Call>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, answer))) = connection.accept().await {
                    let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
                    let _ended = sender.send(Call { method, answer }).await;
                }
            });
        }
    });
    (url, receiver)
}

/// Sends one request more than can wait, and returns the others when it was refused: then all of them wait.
async fn fill(requests: [(&Api, &'static str, Option<&'static str>); WAITERS + 1]) -> JoinSet<u16> {
    let mut waiting = JoinSet::new();
    for (api, path, priority) in requests {
        let api = api.clone();
        waiting.spawn(async move {
            let request = api.get(path);
            let request = match priority {
                Some(priority) => request.header("priority", priority),
                None => request,
            };
            request.send().await.status
        });
    }
    let first = tokio::time::timeout(LIMIT, waiting.join_next()).await.expect("one is refused");
    assert_eq!(first.unwrap().unwrap(), 503);
    waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_before_api_keys_and_before_what_can_wait() {
    let (upstream, mut calls) = patient().await;
    let upstream = PerService::from_fn(|_| upstream.clone());
    let one = AdmissionArgs { max_concurrent_calls: NonZeroUsize::MIN, ..AdmissionArgs::default() };
    let gateway = Alone::with(upstream, LIMIT, |config| config.admission = one).await;
    let person = gateway.api.with_token(gateway.token());
    let mut claims = Alone::claims();
    claims.as_object_mut().unwrap().remove("role");
    let key = Uuid::now_v7();
    for (claim, value) in [("sub", json!(key)), ("client_id", json!(key)), ("scope", json!("webhooks:read"))]
    {
        claims[claim] = value;
    }
    let key = gateway.api.with_token(gateway.sign(&gateway.header(), &claims));
    let mut next =
        async || tokio::time::timeout(LIMIT, calls.recv()).await.expect("there is another call").unwrap();

    let running = tokio::spawn({
        let person = person.clone();
        async move { person.get(RUNNING).send().await.status }
    });
    let first = next().await;
    assert_eq!(first.method, "GetOrder");
    // Whichever of them is refused, some of both kinds wait.
    let (marked, of_key) = ((&person, MARKED, Some("u=5")), (&key, OF_KEYS, None));
    let mut batches = fill([marked, of_key, marked, of_key, marked]).await;
    // Not to let something happen in time: the queue stands for this long, as nothing leaves it.
    tokio::time::sleep(BURST).await;
    let mut people = fill([(&person, OF_PEOPLE, None); WAITERS + 1]).await;

    first.end();
    let mut order = Vec::new();
    for _ in 0..2 * WAITERS {
        let call = next().await;
        order.push(call.method.clone());
        call.end();
    }
    assert_eq!(order[..WAITERS], ["ListOrders"; WAITERS], "{order:?}");
    let later = &order[WAITERS..];
    assert!(later.iter().any(|method| method == "GetExport"), "{order:?}");
    assert!(later.iter().any(|method| method == "ListWebhookEndpoints"), "{order:?}");
    assert_eq!(running.await.unwrap(), 500);
    for waited in [&mut batches, &mut people] {
        while let Some(status) = waited.join_next().await {
            assert_eq!(status.unwrap(), 500);
        }
    }
    gateway.stopped().await;
}
