//! A relay between two processes, which can stop them at a message.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

impl Direction {
    pub(crate) const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];
}

/// The unit that is counted as a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// `COMMIT` and its answer, which have the same text.
    Postgres,
    /// Data beyond HTTP/2's own frames.
    Grpc,
}

impl Protocol {
    fn counts(self, chunk: &[u8]) -> bool {
        match self {
            Self::Postgres => chunk.windows(7).any(|window| window == b"COMMIT\0"),
            Self::Grpc => chunk.len() > 40,
        }
    }
}

/// A relay with a fixed address, wherever its server is.
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    protocol: Protocol,
    upstream: Mutex<SocketAddr>,
    trap: Mutex<Option<Trap>>,
}

struct Trap {
    direction: Direction,
    /// The number of messages that pass before.
    passes: usize,
    sprung: oneshot::Sender<Held>,
}

/// A message that is held back until this is dropped, and then lost with its connection.
pub(crate) struct Held {
    _release: oneshot::Sender<()>,
}

impl Link {
    pub(crate) async fn to(upstream: SocketAddr, protocol: Protocol) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { protocol, upstream: Mutex::new(upstream), trap: Mutex::new(None) });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared }
    }

    /// Sets the server of new connections.
    pub(crate) fn lead_to(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// Holds back the message after so many others. It replaces an earlier trap.
    pub(crate) fn set_trap(&self, direction: Direction, passes: usize) -> oneshot::Receiver<Held> {
        let (sprung, waiting) = oneshot::channel();
        *self.shared.trap.lock().unwrap() = Some(Trap { direction, passes, sprung });
        waiting
    }
}

impl Shared {
    /// Returns whether the message may pass. If it may not, it was held back until it was released.
    async fn lets_through(&self, direction: Direction, chunk: &[u8]) -> bool {
        let released = {
            let mut trap = self.trap.lock().unwrap();
            match trap.as_mut() {
                Some(set) if set.direction == direction && self.protocol.counts(chunk) => {
                    if let Some(passes) = set.passes.checked_sub(1) {
                        set.passes = passes;
                        return true;
                    }
                    let (release, released) = oneshot::channel();
                    let sprung = trap.take().unwrap().sprung;
                    // Nobody waits if the trap was dropped at this moment.
                    if sprung.send(Held { _release: release }).is_err() {
                        return true;
                    }
                    released
                }
                _ => return true,
            }
        };
        drop(released.await);
        false
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let upstream = *shared.upstream.lock().unwrap();
            let Ok(server) = TcpStream::connect(upstream).await else { return };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::select! {
                () = relay(from_client, to_server, &shared, Direction::ToServer) => {}
                () = relay(from_server, to_client, &shared, Direction::ToClient) => {}
            }
        });
    }
}

async fn relay(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    direction: Direction,
) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let chunk = &chunk[..length];
        if !shared.lets_through(direction, chunk).await || to.write_all(chunk).await.is_err() {
            return;
        }
    }
}
