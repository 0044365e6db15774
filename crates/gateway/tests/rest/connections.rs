//! More connections than there may be.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::alone::Served;

const MOST: usize = 8;
/// Far less than the time for which an idle connection is kept.
const PATIENCE: Duration = Duration::from_secs(30);

async fn gateway() -> Served {
    Served::with(|config| config.admission.max_connections = NonZeroUsize::new(MOST).unwrap()).await
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends a request, and returns the answer up to the end of its head.
async fn request(connection: &mut TcpStream, path: &str) -> String {
    request_with(connection, path, "").await
}

async fn request_with(connection: &mut TcpStream, path: &str, header: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: gateway\r\n{header}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    let read = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, read).await.expect("an answer");
    String::from_utf8(head).unwrap()
}

/// Returns whether the connection ends by itself.
async fn ends(connection: &mut TcpStream) -> bool {
    timeout(PATIENCE, connection.read_to_end(&mut Vec::new())).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_leave_room_for_others() {
    let gateway = gateway().await;
    let mut kept = Vec::new();
    for path in ["/healthz", "/v1/me"].into_iter().cycle().take(4 * MOST) {
        let mut connection = connect(gateway.address).await;
        let head = request(&mut connection, path).await;
        if head.contains("connection: close\r\n") {
            assert_eq!(kept.len(), 6, "{head}");
            assert!(ends(&mut connection).await, "it says that it ends");
        } else {
            kept.push(connection);
        }
    }
    assert_eq!(kept.len(), 6);
    // Those that are used end, too, as soon as there are so many.
    let _seventh = connect(gateway.address).await;
    let mut used = kept.pop().unwrap();
    let began = Instant::now();
    while !request(&mut used, "/healthz").await.contains("connection: close\r\n") {
        assert!(began.elapsed() < PATIENCE, "it is kept");
    }
    assert!(ends(&mut used).await);
    gateway.stop().await;
}

/// A connection keeps the memory that its largest request took.
#[tokio::test(flavor = "multi_thread")]
async fn few_connections_are_kept_after_a_large_request() {
    let gateway = gateway().await;
    let large = format!("x-large: {}\r\n", "x".repeat(16 * 1024));
    let mut only = connect(gateway.address).await;
    assert!(!request_with(&mut only, "/healthz", &large).await.contains("connection: close\r\n"));
    let mut second = connect(gateway.address).await;
    assert!(!request(&mut second, "/healthz").await.contains("connection: close\r\n"));
    assert!(request_with(&mut second, "/healthz", &large).await.contains("connection: close\r\n"));
    assert!(ends(&mut second).await);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_request_keep_nobody_away_for_long() {
    let gateway = gateway().await;
    let mut silent = Vec::new();
    for _ in 0..MOST {
        silent.push(connect(gateway.address).await);
    }
    let mut late = connect(gateway.address).await;
    let head = request(&mut late, "/healthz").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut refusal = Vec::new();
    timeout(PATIENCE, silent[0].read_to_end(&mut refusal)).await.unwrap().unwrap();
    assert!(refusal.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&refusal));
    gateway.stop().await;
}

/// Nor do those that ask for much, and read nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_not_read_keep_nobody_away_for_long() {
    let gateway = Served::with(|config| {
        config.admission.max_connections = NonZeroUsize::new(MOST).unwrap();
        config.request_timeout = Duration::from_secs(1);
    })
    .await;
    let mut unread = Vec::new();
    for _ in 0..MOST {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut connection = socket.connect(gateway.address).await.unwrap();
        let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: gateway\r\n\r\n";
        connection.write_all(request.repeat(8).as_bytes()).await.unwrap();
        unread.push(connection);
    }
    let mut late = connect(gateway.address).await;
    let head = request(&mut late, "/healthz").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    drop(unread);
    gateway.stop().await;
}
