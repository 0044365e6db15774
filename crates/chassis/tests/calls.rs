//! The layers around a call, over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use rowhouse_chassis::error::{Code, fault, status};
use rowhouse_chassis::grpc::{Listener, channel, deadline, set_deadline};
use rowhouse_testkit::own_address;
use support::{Echo, OnDrop, call, options, start, start_at};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code as GrpcCode, Request, Response};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_deadline_ends_the_call_and_its_handler() {
    let dropped = CancellationToken::new();
    let token = dropped.clone();
    let hang = move |_: Request<String>| {
        let held = OnDrop(token.clone());
        async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(Response::new(String::new()))
        }
    };
    let server = start(options().await, Echo::default().method("Hang", hang));
    let mut request = Request::new(String::new());
    set_deadline(&mut request, Duration::from_millis(200));
    let started = Instant::now();
    let error = call(&server.channel, "Hang", request).await.unwrap_err();
    assert_eq!(error.code(), GrpcCode::DeadlineExceeded);
    assert_eq!(fault(&error, Code::COMMON).code, Code::DEADLINE_EXCEEDED);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    dropped.cancelled().await;
    server.stop().await;
}

/// tonic's own client has a timer of its own, and must still receive the server's answer.
#[tokio::test]
async fn a_client_of_another_make_sees_deadline_exceeded() {
    let hang = |_: Request<String>| std::future::pending();
    let server = start(options().await, Echo::default().method("Hang", hang));
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let mut grpc = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
    grpc.ready().await.unwrap();
    let mut request = Request::new(String::new());
    request.set_timeout(Duration::from_secs(1));
    let path = "/test.v1.EchoService/Hang".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let error = grpc.unary(request, path, codec).await.unwrap_err();
    assert_eq!(error.code(), GrpcCode::DeadlineExceeded);
}

#[tokio::test]
async fn the_servers_own_limit_counts_without_a_deadline() {
    let mut options = options().await;
    options.request_timeout = Duration::from_millis(100);
    let hang = |_: Request<String>| std::future::pending();
    let server = start(options, Echo::default().method("Hang", hang));
    assert_eq!(server.call("Hang", "").await.unwrap_err().code(), GrpcCode::DeadlineExceeded);
}

#[tokio::test]
async fn the_remaining_time_is_passed_on() {
    let remaining = |request: Request<String>| async move {
        let remaining = deadline(&request).unwrap().remaining();
        Ok(Response::new(remaining.as_millis().to_string()))
    };
    let inner = start(options().await, Echo::default().method("Remaining", remaining));
    let next = inner.channel.clone();
    let forward = move |request: Request<String>| {
        let next = next.clone();
        async move {
            let deadline = deadline(&request).unwrap();
            let mut onward = Request::new(String::new());
            set_deadline(&mut onward, deadline.remaining());
            call(&next, "Remaining", onward).await
        }
    };
    let outer = start(options().await, Echo::default().method("Forward", forward));
    let mut request = Request::new(String::new());
    set_deadline(&mut request, Duration::from_secs(5));
    let left: u64 = call(&outer.channel, "Forward", request).await.unwrap().into_inner().parse().unwrap();
    assert!((1..5000).contains(&left), "{left} ms of 5 s");
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_not_the_connection() {
    let echo = Echo::default()
        .method("Panic", |_: Request<String>| async { panic!("the key is hunter2") })
        .method("Echo", |request: Request<String>| async move { Ok(Response::new(request.into_inner())) });
    let server = start(options().await, echo);
    let error = server.call("Panic", "").await.unwrap_err();
    assert_eq!(fault(&error, Code::COMMON).code, Code::INTERNAL);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(server.call("Echo", "still here").await.unwrap().into_inner(), "still here");
}

#[tokio::test]
async fn an_error_arrives_with_its_code_and_sentence() {
    let refuse =
        |_: Request<String>| async { Err(status(Code::LIMIT_EXCEEDED, "choose another slug than acme")) };
    let server = start(options().await, Echo::default().method("Refuse", refuse));
    let fault = fault(&server.call("Refuse", "").await.unwrap_err(), Code::COMMON);
    assert_eq!((fault.code, fault.detail.as_str()), (Code::LIMIT_EXCEEDED, "choose another slug than acme"));
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_unavailable_and_comes_back() {
    let address = own_address();
    let nobody = channel(&format!("http://{address}")).unwrap();
    let error = call(&nobody, "Echo", Request::new(String::new())).await.unwrap_err();
    let fault = fault(&error, Code::COMMON);
    assert_eq!(fault.code, Code::UNAVAILABLE);
    assert!(fault.retry_after.is_some());
    assert!(!fault.detail.contains(&address.ip().to_string()), "{fault:?}");

    let echo = |request: Request<String>| async move { Ok(Response::new(request.into_inner())) };
    let listener = Listener::bind(address).unwrap();
    let server = start_at(listener, options().await, Echo::default().method("Echo", echo));
    let answered = async { while call(&nobody, "Echo", Request::new(String::new())).await.is_err() {} };
    timeout(PATIENCE, answered).await.unwrap();
    server.stop().await;
}
