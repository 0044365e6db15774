//! Messages that do not arrive: what their senders can hold.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{poll_fn, select_all};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong, RecvStream, SendStream};
use rowhouse_chassis::error::{Code, fault};
use support::{Echo, Running, options, start};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const PATIENCE: Duration = Duration::from_secs(30);
const ECHO: &str = "/test.v1.EchoService/Echo";
const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Addresses in two networks.
const BUSY: [u8; 4] = [127, 0, 0, 2];
const QUIET: [u8; 4] = [127, 0, 0, 3];

/// A server whose calls have a long time to arrive.
async fn server() -> Running {
    let mut options = options().await;
    options.request_timeout = Duration::from_hours(1);
    let echo = async |request: Request<String>| Ok(Response::new(request.into_inner()));
    start(options, Echo::default().method("Echo", echo))
}

/// A client that sends its messages in parts.
struct Client {
    requests: SendRequest<Bytes>,
    ping: PingPong,
}

/// A call whose message has not been sent to its end.
struct Unfinished {
    body: SendStream<Bytes>,
    answer: ResponseFuture,
}

impl Client {
    /// Connects from an address of this machine.
    async fn connect(server: &Running, from: [u8; 4]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let tcp = socket.connect(server.address).await.unwrap();
        let (requests, mut connection) = h2::client::handshake(tcp).await.unwrap();
        let ping = connection.ping_pong().unwrap();
        tokio::spawn(connection);
        Self { requests, ping }
    }

    /// Begins a call of a method, and sends so many bytes of a message that has more.
    async fn begin(&mut self, path: &str, bytes: usize) -> Unfinished {
        let request = http::Request::post(format!("http://server{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (answer, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        let part = Bytes::from(part(bytes));
        body.send_data(part, false).unwrap();
        Unfinished { body, answer }
    }

    /// Waits until the server has seen what was sent before.
    async fn round_trip(&mut self) {
        timeout(PATIENCE, self.ping.ping(Ping::opaque())).await.unwrap().unwrap();
    }
}

/// Returns the beginning of a text of a mebibyte, less what surrounds it.
fn part(bytes: usize) -> Vec<u8> {
    let text = TEXT;
    let mut message = vec![0];
    message.extend(u32::try_from(text + 4).unwrap().to_be_bytes());
    message.extend([0x0a, 0x80 | low(text), 0x80 | low(text >> 7), low(text >> 14)]);
    message.resize(message.len() + bytes, b'x');
    message
}

const TEXT: usize = 1024 * 1024 - 4;

fn low(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap()
}

impl Unfinished {
    /// Sends the rest of the message, of which so many bytes were sent, and returns the length of the answer.
    async fn finish(mut self, sent: usize) -> Result<usize, Status> {
        self.body.send_data(Bytes::from(vec![b'x'; TEXT - sent]), true).unwrap();
        let answer = timeout(PATIENCE, self.answer).await.unwrap().unwrap();
        match Status::from_header_map(answer.headers()) {
            Some(refusal) => Err(refusal),
            None => Ok(length(answer.into_body()).await),
        }
    }
}

async fn length(mut body: RecvStream) -> usize {
    let mut length = 0;
    while let Some(bytes) = body.data().await {
        let bytes = bytes.unwrap();
        length += bytes.len();
        body.flow_control().release_capacity(bytes.len()).unwrap();
    }
    length
}

/// Begins so many calls, and waits until at most `most` of them are not refused.
async fn fill(client: &mut Client, path: &str, calls: usize, bytes: usize, most: usize) -> Vec<Unfinished> {
    let mut held = Vec::new();
    for _ in 0..calls {
        held.push(client.begin(path, bytes).await);
    }
    while held.len() > most {
        let answers = select_all(held.iter_mut().map(|call| &mut call.answer));
        let (answer, refused, _) = timeout(PATIENCE, answers).await.expect("too many are taken");
        let refusal = Status::from_header_map(answer.unwrap().headers()).unwrap();
        let fault = fault(&refusal, Code::COMMON);
        assert_eq!(fault.code, Code::OVERLOADED);
        assert!(fault.retry_after.is_some());
        held.swap_remove(refused);
    }
    held
}

/// The memory is what counts, so a few long messages are as much as many short ones.
#[tokio::test]
async fn a_stranger_holds_little_with_messages_that_do_not_end() {
    let server = server().await;
    for (path, calls, bytes, most) in
        [(ECHO, 20, 200 * 1024, 8), (ECHO, 200, 0, 128), (ECHO, 20, 1_000_000, 2), (CHECK, 200, 0, 128)]
    {
        let mut busy = Client::connect(&server, BUSY).await;
        let held = fill(&mut busy, path, calls, bytes, most).await;
        let mut quiet = Client::connect(&server, QUIET).await;
        let other = quiet.begin(ECHO, TEXT / 2).await;
        quiet.round_trip().await;
        assert!(other.finish(TEXT / 2).await.unwrap() > TEXT, "others have room");
        drop((held, busy));
    }
    server.stop().await;
}

/// A message that was refused, abandoned or answered takes no memory.
#[tokio::test]
async fn the_room_of_a_message_is_free_again() {
    let server = server().await;
    let mut client = Client::connect(&server, BUSY).await;
    drop(fill(&mut client, ECHO, 10, 1_000_000, 2).await);
    for _ in 0..10 {
        let began = Instant::now();
        loop {
            let call = client.begin(ECHO, TEXT / 2).await;
            client.round_trip().await;
            match call.finish(TEXT / 2).await {
                Ok(length) => break assert!(length > TEXT),
                Err(refusal) => assert!(began.elapsed() < PATIENCE, "{refusal:?}"),
            }
        }
    }
    server.stop().await;
}

/// A connection that has sent as much as it may waits until some of that is read.
#[tokio::test]
async fn a_connection_has_one_window() {
    let server = server().await;
    let mut client = Client::connect(&server, BUSY).await;
    client.round_trip().await;
    let (mut first, mut second) = (client.begin(ECHO, 0).await, client.begin(ECHO, 0).await);
    client.round_trip().await;
    first.body.reserve_capacity(TEXT);
    second.body.reserve_capacity(TEXT);
    let window = poll_fn(|context| first.body.poll_capacity(context)).await.unwrap().unwrap();
    assert!(window <= 128 * 1024, "{window}");
    assert!(window + second.body.capacity() <= 128 * 1024, "{window} and {}", second.body.capacity());
    server.stop().await;
}

/// Anybody may watch a server's health, for as long as they like.
#[tokio::test]
async fn watches_at_once_are_bounded() {
    let server = server().await;
    let mut watches = Vec::new();
    let refusal = loop {
        match HealthClient::new(server.channel.clone()).watch(HealthCheckRequest::default()).await {
            Ok(watch) => watches.push(watch.into_inner()),
            Err(refusal) => break refusal,
        }
        assert!(watches.len() < 1000, "nothing is refused");
    };
    assert_eq!((watches.len(), fault(&refusal, Code::COMMON).code), (32, Code::OVERLOADED));
    HealthClient::new(server.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    drop(watches);
    server.stop().await;
}
