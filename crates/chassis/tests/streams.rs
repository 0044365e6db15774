//! Streamed answers: the layers around a call last until their end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::admission::{Admission, Applicant, Party, Urgency};
use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::config::ProxyArgs;
use rowhouse_chassis::error::{Code, fault, status};
use rowhouse_chassis::grpc::{DRAIN_LIMIT, GrpcOptions, Listener, StreamedMethods, TracedChannel};
use rowhouse_tenancy::TenantId;
use support::{NoReadiness, OnDrop, Running, options, start_routes};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;

const PATIENCE: Duration = Duration::from_secs(30);

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
    start_with(pieces, |options| options.request_timeout = request_timeout).await
}

async fn start_with(
    pieces: impl Fn() -> Pieces + Send + Sync + 'static,
    change: impl FnOnce(&mut GrpcOptions<NoReadiness>),
) -> Running {
    let mut options = options().await;
    change(&mut options);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    start_routes(listener, options, Routes::new(Streams(Arc::new(pieces))))
}

async fn open(server: &Running) -> Streaming<String> {
    request(&server.channel, Request::new(String::new())).await.unwrap()
}

async fn request(channel: &TracedChannel, request: Request<String>) -> Result<Streaming<String>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = "/test.v1.EchoService/Stream".parse().unwrap();
    let codec = ProstCodec::<String, String>::default();
    grpc.server_streaming(request, path, codec).await.map(Response::into_inner)
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

/// Opens a stream whose caller is at this address.
fn from(address: &'static str) -> Request<String> {
    let mut call = Request::new(String::new());
    call.metadata_mut().insert(FORWARDED_FOR, address.parse().unwrap());
    call
}

/// Opens a stream for a tenant.
fn of(tenant: TenantId) -> Request<String> {
    let mut call = Request::new(String::new());
    Applicant { party: Party::Tenant(tenant), urgency: Urgency::Interactive }.carry(&mut call);
    call
}

/// Starts a server with places for streams. It believes its callers where they call from.
async fn bounded(pieces: impl Fn() -> Pieces + Send + Sync + 'static) -> Running {
    start_with(pieces, |options| options.proxies = ProxyArgs::this_machine().into()).await
}

/// Starts a server that streams as much as it is asked for, and returns a channel that bounds it.
async fn unbounded(pieces: impl Fn() -> Pieces + Send + Sync + 'static) -> (Running, TracedChannel) {
    let server = start_with(pieces, |options| options.streamed = StreamedMethods::default()).await;
    let admission = Admission::at_client(ServiceName::Orders, NonZeroUsize::new(64).unwrap());
    let streamed = options().await.streamed;
    let channel = server.channel.clone().admitted_by(admission, streamed, PATIENCE);
    (server, channel)
}

/// Opens streams that do not end until one is refused, and checks that another party still gets one, and that the place of an abandoned
/// one is free again.
async fn fill(channel: &TracedChannel, busy: impl Fn() -> Request<String>, quiet: Request<String>) {
    let mut streams = Vec::new();
    let refusal = loop {
        match request(channel, busy()).await {
            Ok(stream) => streams.push(stream),
            Err(refusal) => break refusal,
        }
        assert!(streams.len() < 100, "nothing is refused");
    };
    assert_eq!(fault(&refusal, Code::COMMON).code, Code::OVERLOADED);
    assert_eq!(streams.len(), 8);
    let mut other = request(channel, quiet).await.unwrap();
    assert_eq!(other.message().await.unwrap().unwrap(), "first");
    streams.pop();
    let began = Instant::now();
    while request(channel, busy()).await.is_err() {
        assert!(began.elapsed() < PATIENCE, "the place is not free");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_at_once_are_bounded_by_the_server() {
    let server = bounded(|| hangs_after("first", &CancellationToken::new())).await;
    fill(&server.channel, || from("192.0.2.1"), from("192.0.2.2")).await;
    server.stop().await;
}

#[tokio::test]
async fn streams_at_once_are_bounded_by_the_channel() {
    let (server, channel) = unbounded(|| hangs_after("first", &CancellationToken::new())).await;
    let (busy, quiet) = (TenantId::generate(), TenantId::generate());
    fill(&channel, || of(busy), of(quiet)).await;
    server.stop().await;
}

/// Returns a stream without an end, until it is dropped.
fn endless(dropped: &CancellationToken) -> Pieces {
    let held = OnDrop(dropped.clone());
    stream::repeat_with(move || {
        let _held = &held;
        Ok("x".repeat(64 * 1024))
    })
    .boxed()
}

/// Opens streams until one is refused, reads nothing of the first one, and waits until that one has been dropped. Then there is a
/// place again, and the reader who goes on reading gets the reason.
async fn stall(channel: &TracedChannel, call: impl Fn() -> Request<String>, dropped: &CancellationToken) {
    let mut unread = request(channel, call()).await.unwrap();
    let mut others = Vec::new();
    while let Ok(stream) = request(channel, call()).await {
        others.push(stream);
        assert!(others.len() < 100, "nothing is refused");
    }
    tokio::time::timeout(PATIENCE, dropped.cancelled()).await.expect("the stream goes on");
    let began = Instant::now();
    while request(channel, call()).await.is_err() {
        assert!(began.elapsed() < PATIENCE, "the place is not free");
        tokio::task::yield_now().await;
    }
    let reason = loop {
        match tokio::time::timeout(PATIENCE, unread.message()).await.unwrap() {
            Ok(piece) => assert!(piece.is_some(), "it has no end"),
            Err(reason) => break reason,
        }
    };
    assert_eq!(fault(&reason, Code::COMMON).code, Code::DEADLINE_EXCEEDED);
}

#[tokio::test]
async fn a_reader_who_takes_nothing_loses_the_stream_at_the_server() {
    let dropped = CancellationToken::new();
    let token = dropped.clone();
    let server = start(Duration::from_millis(100), move || endless(&token)).await;
    stall(&server.channel, || Request::new(String::new()), &dropped).await;
    server.stop().await;
}

#[tokio::test]
async fn a_reader_who_takes_nothing_loses_the_stream_at_the_channel() {
    let dropped = CancellationToken::new();
    let token = dropped.clone();
    // The server itself would wait for longer than the test.
    let server = start_with(move || endless(&token), |options| options.request_timeout = PATIENCE).await;
    let admission = Admission::at_client(ServiceName::Orders, NonZeroUsize::new(64).unwrap());
    let streamed = options().await.streamed;
    let channel = server.channel.clone().admitted_by(admission, streamed, Duration::from_millis(100));
    let tenant = TenantId::generate();
    stall(&channel, || of(tenant), &dropped).await;
    server.stop().await;
}

/// Opens streams one after the other, reads each to its end, and keeps it.
async fn read_many(channel: &TracedChannel, call: impl Fn() -> Request<String>) {
    let mut ended = Vec::new();
    for _ in 0..20 {
        let mut stream = request(channel, call()).await.unwrap();
        assert_eq!(stream.message().await.unwrap().unwrap(), "all");
        assert_eq!(stream.message().await.unwrap(), None);
        ended.push(stream);
    }
}

#[tokio::test]
async fn a_stream_that_has_ended_takes_no_place() {
    let all = || stream::iter([Ok("all".to_owned())]).boxed();
    let server = bounded(all).await;
    read_many(&server.channel, || from("192.0.2.1")).await;
    server.stop().await;
    let (server, channel) = unbounded(all).await;
    let tenant = TenantId::generate();
    read_many(&channel, || of(tenant)).await;
    server.stop().await;
}
