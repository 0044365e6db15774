//! [`Forwarder`], an address whose server can be replaced by another.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Forwarder {
    pub(crate) address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
}

impl Forwarder {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(Mutex::new(server));
        tokio::spawn(accept(listener, Arc::clone(&server)));
        Self { address, server }
    }

    /// Forwards new connections to another server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        *self.server.lock().unwrap() = server;
    }
}

async fn accept(listener: TcpListener, server: Arc<Mutex<SocketAddr>>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let server = *server.lock().unwrap();
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(server).await else { return };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            drop(copy_bidirectional(&mut client, &mut server).await);
        });
    }
}
