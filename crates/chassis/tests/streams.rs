//! Streamed answers: the layers around a call last until their end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use rowhouse_chassis::error::{Code, fault, status};
use rowhouse_chassis::grpc::{DRAIN_LIMIT, Listener};
use support::{OnDrop, Running, options, start_routes};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;

type Pieces = BoxStream<'static, Result<String, Status>>;

/// A service with one method, which streams.
#[derive(Clone)]
struct Streams(Arc<dyn Fn() -> Pieces + Send + Sync>);

impl NamedService for Streams {
    const NAME: &'static str = "test.v1.EchoService";
}

impl Service<http::Request<Body>> for Streams {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let pieces = Arc::clone(&self.0);
        async move {
            let method = tower::service_fn(move |_: Request<String>| {
                std::future::ready(Ok::<_, Status>(Response::new(pieces())))
            });
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(grpc.server_streaming(method, request).await)
        }
        .boxed()
    }
}

async fn start(request_timeout: Duration, pieces: impl Fn() -> Pieces + Send + Sync + 'static) -> Running {
    let mut options = options().await;
    options.request_timeout = request_timeout;
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    start_routes(listener, options, Routes::new(Streams(Arc::new(pieces))))
}

async fn open(server: &Running) -> Streaming<String> {
    let mut grpc = tonic::client::Grpc::new(server.channel.clone());
    grpc.ready().await.unwrap();
    let path = "/test.v1.EchoService/Stream".parse().unwrap();
    let codec = ProstCodec::<String, String>::default();
    grpc.server_streaming(Request::new(String::new()), path, codec).await.unwrap().into_inner()
}

/// Returns a stream of `first`, and then nothing, until it is dropped.
fn hangs_after(first: &'static str, dropped: &CancellationToken) -> Pieces {
    let held = OnDrop(dropped.clone());
    let rest = stream::once(async move {
        std::future::pending::<()>().await;
        drop(held);
        Ok(String::new())
    });
    stream::iter([Ok(first.to_owned())]).chain(rest).boxed()
}

#[tokio::test]
async fn a_long_stream_is_not_cut_by_the_time_of_a_request() {
    let limit = Duration::from_millis(500);
    let server = start(limit, move || {
        let slowly = stream::iter(0..10).then(move |number| async move {
            tokio::time::sleep(limit / 5).await;
            Ok(number.to_string())
        });
        slowly.boxed()
    })
    .await;
    let started = Instant::now();
    let mut stream = open(&server).await;
    for number in 0..10 {
        assert_eq!(stream.message().await.unwrap(), Some(number.to_string()));
    }
    assert_eq!(stream.message().await.unwrap(), None);
    assert!(started.elapsed() > limit);
    server.stop().await;
}

#[tokio::test]
async fn a_reader_may_take_their_time() {
    const PIECE: usize = 1024 * 1024;
    let limit = Duration::from_millis(200);
    let server = start(limit, || stream::iter(0..8).map(|_| Ok("x".repeat(PIECE))).boxed()).await;
    let mut stream = open(&server).await;
    let mut pieces = 0;
    while let Some(piece) = stream.message().await.unwrap() {
        assert_eq!(piece.len(), PIECE);
        pieces += 1;
        tokio::time::sleep(limit * 2).await;
    }
    assert_eq!(pieces, 8);
    server.stop().await;
}

#[tokio::test]
async fn a_piece_that_does_not_come_ends_the_stream() {
    let dropped = CancellationToken::new();
    let token = dropped.clone();
    let server = start(Duration::from_millis(200), move || hangs_after("first", &token)).await;
    let mut stream = open(&server).await;
    assert_eq!(stream.message().await.unwrap().unwrap(), "first");
    let error = stream.message().await.unwrap_err();
    assert_eq!(fault(&error, Code::COMMON).code, Code::DEADLINE_EXCEEDED);
    dropped.cancelled().await;
    server.stop().await;
}

#[tokio::test]
async fn a_drain_aborts_a_stream_that_does_not_end() {
    let dropped = CancellationToken::new();
    let token = dropped.clone();
    let server = start(Duration::from_hours(1), move || hangs_after("first", &token)).await;
    let mut stream = open(&server).await;
    assert_eq!(stream.message().await.unwrap().unwrap(), "first");
    let asked = Instant::now();
    server.trigger.request();
    let error = stream.message().await.unwrap_err();
    assert_eq!(fault(&error, Code::COMMON).code, Code::UNAVAILABLE);
    dropped.cancelled().await;
    server.served.await.unwrap().unwrap();
    let took = asked.elapsed();
    assert!(took >= DRAIN_LIMIT && took < DRAIN_LIMIT + Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn an_error_in_the_middle_arrives() {
    let server = start(Duration::from_secs(10), || {
        let refused = status(Code::TENANT_SUSPENDED, "the tenant is suspended");
        stream::iter([Ok("first".to_owned()), Err(refused)]).boxed()
    })
    .await;
    let mut stream = open(&server).await;
    assert_eq!(stream.message().await.unwrap().unwrap(), "first");
    assert_eq!(fault(&stream.message().await.unwrap_err(), Code::COMMON).code, Code::TENANT_SUSPENDED);
    server.stop().await;
}

#[tokio::test]
async fn a_panic_in_the_middle_costs_the_stream_alone() {
    let dropped = CancellationToken::new();
    let (token, calls) = (dropped.clone(), AtomicU32::new(0));
    let server = start(Duration::from_secs(10), move || match calls.fetch_add(1, Ordering::Relaxed) {
        0 => hangs_after("first", &token),
        _ => stream::once(async { panic!("hunter2") }).boxed(),
    })
    .await;
    let mut other = open(&server).await;
    assert_eq!(other.message().await.unwrap().unwrap(), "first");
    let error = open(&server).await.message().await.unwrap_err();
    assert_eq!(fault(&error, Code::COMMON).code, Code::INTERNAL);
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(other.message().now_or_never().is_none(), "it goes on");
    assert!(!dropped.is_cancelled());
    drop(other);
    dropped.cancelled().await;
    server.stop().await;
}
