//! [`Forwarder`], a TCP proxy whose server can be replaced.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Forwards bytes to a server that can be replaced by another one. Existing connections stay with the old one.
pub struct Forwarder {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    upstream: Mutex<String>,
    /// Connections that were made before the number changed are stalled, but not closed.
    dead: watch::Sender<u64>,
}

impl Forwarder {
    /// Starts a forwarder on a free port, to the server with this host and port.
    pub async fn start(upstream: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { upstream: Mutex::new(upstream), dead: watch::Sender::new(0) });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, accepting }
    }

    /// Returns its own host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Forwards new connections to another server.
    pub fn lead_to(&self, upstream: String) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// Stalls the existing connections without telling either side. New ones work.
    pub fn forget_connections(&self) {
        self.shared.dead.send_modify(|dead| *dead += 1);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let upstream = shared.upstream.lock().unwrap().clone();
        let mut dead = shared.dead.subscribe();
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(upstream).await else {
                return drop(client.shutdown().await);
            };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            tokio::select! {
                _ended = copy_bidirectional(&mut client, &mut server) => {}
                // The sockets stay open until the test ends.
                _dead = dead.changed() => std::future::pending().await,
            }
        });
    }
}
