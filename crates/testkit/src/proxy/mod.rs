//! A proxy between a service and PostgreSQL, which records, rewrites, delays and cuts their communication.

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

/// A proxy for PostgreSQL's protocol without TLS. Dropping it closes its connections.
pub struct Proxy {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy on a free port for connections to the database of `url`.
    pub async fn start(url: &str) -> Self {
        let upstream = server_of(url).to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(relay::accept(listener, upstream, Arc::clone(&shared)));
        Self { address, url: url.to_owned(), shared, accepting }
    }

    /// Returns the URL of the database through the proxy, with the same login.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.replacen(server_of(&self.url), &self.address.to_string(), 1)
    }

    /// Delays every answer of the server, as a network does. Without a delay, a client that
    /// sends two messages without waiting may look as if it had waited for the first answer.
    pub fn set_latency(&self, latency: Duration) {
        *self.shared.latency.lock().unwrap() = latency;
    }

    /// Returns the flights since the start or since [`Proxy::forget`]. A flight is what a client sends until it gets an
    /// answer, which is one round trip. Some are routine, see [`Flight::is_routine`].
    #[must_use]
    pub fn flights(&self) -> Vec<Flight> {
        self.shared.flights.lock().unwrap().clone()
    }

    /// Clears the recorded flights.
    pub fn forget(&self) {
        self.shared.flights.lock().unwrap().clear();
    }

    /// Passes every SQL text that is sent or prepared through `rewrite`, from now on. `None` leaves the text unchanged.
    /// Statements that a connection prepared before stay prepared; [`Proxy::cut`] forces clients to prepare them again.
    pub fn rewrite(&self, rewrite: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        *self.shared.rewrite.lock().unwrap() = Some(Arc::new(rewrite));
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Sets whether new connections are closed at once.
    pub fn refuse(&self, refuse: bool) {
        *self.shared.refusing.lock().unwrap() = refuse;
    }

    /// Stops the traffic in both directions without closing connections.
    pub fn stall(&self) {
        self.shared.stalled.send_replace(true);
    }

    /// Resumes the traffic, and delivers what was held back.
    pub fn resume(&self) {
        self.shared.stalled.send_replace(false);
    }

    /// Returns the number of open connections.
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

/// Returns the host and port of a URL.
fn server_of(url: &str) -> &str {
    let (_, server) = url.rsplit_once('@').expect("a URL with a login");
    server.split(['/', '?']).next().unwrap_or(server)
}
