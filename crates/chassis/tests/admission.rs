//! Admission control over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::admission::{Admission, Applicant, PRIORITY, Party, Urgency, step_aside};
use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::{GrpcOptions, StreamedMethods, set_deadline};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::{Principal, Role};
use support::{Echo, NoReadiness, Running, call, options, rules, start, trusted_issuer};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tonic::{Request, Response};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);

fn places(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

/// A server whose calls end one by one, when they are released.
struct World {
    server: Running,
    admission: Admission,
    go: Arc<Semaphore>,
    /// The texts of the calls that have begun, in their order.
    begun: Arc<Mutex<Vec<String>>>,
    bearer: String,
}

impl World {
    /// Starts a server that runs one call at once.
    async fn start() -> Self {
        let admission = Admission::at_server(ServiceName::Orders, places(1));
        let (go, begun) = (Arc::new(Semaphore::new(0)), Arc::<Mutex<Vec<String>>>::default());
        let (gate, log) = (Arc::clone(&go), Arc::clone(&begun));
        let wait = move |request: Request<String>| {
            let (gate, log) = (Arc::clone(&gate), Arc::clone(&log));
            async move {
                let text = request.into_inner();
                log.lock().unwrap().push(text.clone());
                if text == "aside" {
                    step_aside();
                }
                gate.acquire().await.unwrap().forget();
                Ok(Response::new(text))
            }
        };
        let (issuer, verifier) = trusted_issuer().await;
        let person = Principal::User { id: Uuid::now_v7(), role: Role::Member };
        let token =
            issuer.access_token(&person, Uuid::now_v7(), Uuid::now_v7(), PATIENCE * 10).unwrap().token;
        let options: GrpcOptions<NoReadiness> = GrpcOptions {
            verifier,
            admission: admission.clone(),
            access: rules(&[], &["Wait"]),
            ..options().await
        };
        let server = start(options, Echo::default().method("Wait", wait));
        Self { server, admission, go, begun, bearer: format!("Bearer {token}") }
    }

    fn request(&self, text: &str) -> Request<String> {
        let mut request = Request::new(text.to_owned());
        request.metadata_mut().insert("authorization", self.bearer.parse().unwrap());
        request
    }

    /// Makes a call, and waits until so many run and wait.
    async fn call(
        &self,
        text: &str,
        priority: &str,
        running: usize,
        waiting: usize,
    ) -> JoinHandle<support::Reply> {
        let mut request = self.request(text);
        request.metadata_mut().insert(PRIORITY, priority.parse().unwrap());
        let channel = self.server.channel.clone();
        let called = tokio::spawn(async move { call(&channel, "Wait", request).await });
        let began = Instant::now();
        loop {
            let occupancy = self.admission.occupancy();
            if (occupancy.held, occupancy.waiting) == (running, waiting) {
                return called;
            }
            assert!(began.elapsed() < PATIENCE, "{text}: {occupancy:?}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn calls_wait_for_a_place_and_the_interactive_ones_come_first() {
    let world = World::start().await;
    let mut calls = vec![
        world.call("first", "u=3", 1, 0).await,
        world.call("batch", "u=5", 1, 1).await,
        world.call("second", "u=3", 1, 2).await,
        world.call("third", "i", 1, 3).await,
    ];
    assert_eq!(*world.begun.lock().unwrap(), ["first"]);
    world.go.add_permits(4);
    for called in &mut calls {
        called.await.unwrap().unwrap();
    }
    assert_eq!(*world.begun.lock().unwrap(), ["first", "second", "third", "batch"]);
    assert_eq!(world.admission.occupancy().held, 0);
}

#[tokio::test]
async fn a_call_too_many_is_refused_with_the_time_to_come_back_and_health_answers() {
    let world = World::start().await;
    let mut waiting = vec![world.call("runs", "u=3", 1, 0).await];
    for number in 1..=4 {
        waiting.push(world.call("waits", "u=3", 1, number).await);
    }
    let refused = call(&world.server.channel, "Wait", world.request("refused")).await.unwrap_err();
    let fault = fault(&refused, Code::COMMON);
    assert_eq!(fault.code, Code::OVERLOADED);
    assert!(fault.retry_after.is_some_and(|after| after >= Duration::from_secs(1)), "{fault:?}");
    let mut health = HealthClient::new(world.server.channel.clone());
    health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    world.go.add_permits(5);
    for called in waiting {
        called.await.unwrap().unwrap();
    }
    assert!(!world.begun.lock().unwrap().contains(&"refused".to_owned()));
}

#[tokio::test]
async fn a_call_that_only_waits_leaves_its_place_to_others() {
    let world = World::start().await;
    let aside = world.call("aside", "u=3", 0, 0);
    let aside = aside.await;
    let next = world.call("next", "u=3", 1, 0).await;
    world.go.add_permits(2);
    aside.await.unwrap().unwrap();
    next.await.unwrap().unwrap();
    assert_eq!(world.admission.occupancy().held, 0);
}

#[tokio::test]
async fn a_caller_that_disconnects_leaves_the_queue() {
    let world = World::start().await;
    let runs = world.call("runs", "u=3", 1, 0).await;
    let waits = world.call("waits", "u=3", 1, 1).await;
    waits.abort();
    let began = Instant::now();
    while world.admission.occupancy().waiting > 0 {
        assert!(began.elapsed() < PATIENCE, "it still waits");
        tokio::task::yield_now().await;
    }
    let mut late = world.request("late");
    set_deadline(&mut late, Duration::from_millis(300));
    let late = call(&world.server.channel, "Wait", late).await.unwrap_err();
    assert_eq!(fault(&late, Code::COMMON).code, Code::DEADLINE_EXCEEDED);
    world.go.add_permits(1);
    runs.await.unwrap().unwrap();
    assert_eq!(*world.begun.lock().unwrap(), ["runs"]);
}

/// A client that has sent no message yet takes no place.
#[tokio::test]
async fn a_call_without_its_message_takes_no_place() {
    let world = World::start().await;
    let connection = tokio::net::TcpStream::connect(world.server.address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(connection).await.unwrap();
    tokio::spawn(connection);
    let mut silent = Vec::new();
    for _ in 0..20 {
        let head = http::Request::post(format!("http://{}/test.v1.EchoService/Wait", world.server.address));
        let head = head.header("content-type", "application/grpc").header("authorization", &world.bearer);
        silent.push(client.send_request(head.body(()).unwrap(), false).unwrap());
        client = client.ready().await.unwrap();
    }
    let runs = world.call("runs", "u=3", 1, 0).await;
    world.go.add_permits(1);
    runs.await.unwrap().unwrap();
    drop(silent);
}

/// The client's channel bounds the calls itself, and takes refusals by the service as a sign to send fewer.
#[tokio::test]
async fn a_channel_bounds_its_calls_and_learns_from_refusals() {
    let world = World::start().await;
    let admission = Admission::at_client(ServiceName::Orders, places(40));
    let channel =
        world.server.channel.clone().admitted_by(admission.clone(), StreamedMethods::default(), PATIENCE);
    let calls: Vec<_> = (0..40)
        .map(|number| {
            let (channel, mut request) = (channel.clone(), world.request(&number.to_string()));
            tokio::spawn(async move {
                let party = Party::Tenant(TenantId::generate());
                Applicant { party, urgency: Urgency::Interactive }.carry(&mut request);
                call(&channel, "Wait", request).await
            })
        })
        .collect();
    let began = Instant::now();
    while admission.occupancy().size == 40 {
        assert!(began.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    assert!(admission.occupancy().size <= 32, "{:?}", admission.occupancy());
    world.go.add_permits(40);
    let mut refused = 0;
    for called in calls {
        if let Err(status) = called.await.unwrap() {
            assert_eq!(fault(&status, Code::COMMON).code, Code::OVERLOADED);
            refused += 1;
        }
    }
    assert!((1..40).contains(&refused), "{refused}");
    assert_eq!((admission.occupancy().held, admission.occupancy().waiting), (0, 0));
}
