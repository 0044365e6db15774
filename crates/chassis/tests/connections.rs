//! More connections than there may be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use support::{Echo, Running, options, start};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tonic::{Request, Response};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that has four connections at once.
async fn narrow() -> Running {
    let mut options = options().await;
    options.max_connections = NonZeroUsize::new(4).unwrap();
    let echo = async |request: Request<String>| Ok(Response::new(request.into_inner()));
    start(options, Echo::default().method("Echo", echo))
}

/// Connects from an address of this machine.
async fn connect(server: &Running, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(server.address).await.unwrap()
}

/// Returns whether the server serves the connection: it sends its settings, or closes it.
async fn is_served(connection: &mut TcpStream) -> bool {
    tokio::time::timeout(PATIENCE, connection.read_u8()).await.unwrap().is_ok()
}

#[tokio::test]
async fn one_network_does_not_take_all_connections() {
    let server = narrow().await;
    let (busy, quiet) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut connection = connect(&server, busy).await;
        assert!(is_served(&mut connection).await);
        open.push(connection);
    }
    assert!(!is_served(&mut connect(&server, busy).await).await, "the last one is for others");
    let mut other = connect(&server, quiet).await;
    assert!(is_served(&mut other).await);
    drop(open);
    let began = Instant::now();
    while server.call("Echo", "again").await.is_err() {
        assert!(began.elapsed() < PATIENCE, "the places are not free");
    }
    drop(other);
    server.stop().await;
}
