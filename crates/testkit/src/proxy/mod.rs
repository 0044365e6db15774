//! Stands between a service and PostgreSQL: watches, rewrites, delays and cuts what they say to each other.

mod frontend;
mod relay;
mod shared;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use shared::Flight;
use shared::Shared;

/// A proxy for PostgreSQL's protocol, in the clear. Gone when dropped, with its connections.
pub struct Proxy {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port for connections to the database of `url`.
    pub async fn start(url: &str) -> Self {
        let upstream = server_of(url).to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(relay::accept(listener, upstream, Arc::clone(&shared)));
        Self { address, url: url.to_owned(), shared, accepting }
    }

    /// The URL of the same database with the same login, through the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.replacen(server_of(&self.url), &self.address.to_string(), 1)
    }

    /// Every answer of the server is held back for as long, as a network would. Without that, a client that
    /// sends two messages without waiting may look as if it had waited for the first one's answer.
    pub fn set_latency(&self, latency: Duration) {
        *self.shared.latency.lock().unwrap() = latency;
    }

    /// What was said since the start, or since [`Proxy::forget`]: a flight is what a client said until it was
    /// answered, which is one round trip. Some are routine, see [`Flight::is_routine`].
    #[must_use]
    pub fn flights(&self) -> Vec<Flight> {
        self.shared.flights.lock().unwrap().clone()
    }

    /// Forgets the flights.
    pub fn forget(&self) {
        self.shared.flights.lock().unwrap().clear();
    }

    /// Puts every SQL text through `rewrite`, from now on, as it is sent or prepared. None leaves it as it is. What
    /// a connection has prepared before stays prepared: [`Proxy::cut`] makes it be prepared anew.
    pub fn rewrite(&self, rewrite: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        *self.shared.rewrite.lock().unwrap() = Some(Arc::new(rewrite));
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refuse: bool) {
        *self.shared.refusing.lock().unwrap() = refuse;
    }

    /// Lets nothing through in either direction, and closes nothing.
    pub fn stall(&self) {
        self.shared.stalled.send_replace(true);
    }

    /// Lets everything through that was held back.
    pub fn resume(&self) {
        self.shared.stalled.send_replace(false);
    }

    /// The number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.cut();
    }
}

/// Host and port.
fn server_of(url: &str) -> &str {
    let (_, server) = url.rsplit_once('@').expect("a URL with a login");
    server.split(['/', '?']).next().unwrap_or(server)
}
