//! [`Front`], the clients' side of a load balancer: it sends requests to the gateways in turns, and none to one that is being restarted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(60);
/// The gateway closes connections that were idle for 75 seconds. A client that keeps them for longer meets a closing one now and then.
const IDLE: Duration = Duration::from_secs(2);

pub(crate) struct Front {
    gateways: Vec<Gateway>,
    next: AtomicUsize,
}

struct Gateway {
    url: String,
    /// The connections to it, or `None` while it takes no requests.
    client: Mutex<Option<Client>>,
    running: watch::Sender<usize>,
}

/// A request's place at a gateway.
pub(crate) struct Place<'a> {
    gateway: &'a Gateway,
    pub(crate) client: Client,
}

impl Place<'_> {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.url)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gateway.running.send_modify(|running| *running -= 1);
    }
}

impl Front {
    /// Requests go to a gateway after [`Front::admit`].
    pub(crate) fn of(urls: impl Iterator<Item = String>) -> Self {
        let gateways =
            urls.map(|url| Gateway { url, client: Mutex::new(None), running: watch::Sender::new(0) });
        Self { gateways: gateways.collect(), next: AtomicUsize::new(0) }
    }

    /// Chooses a gateway for a request.
    pub(crate) fn place(&self) -> Place<'_> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..self.gateways.len() {
            let gateway = &self.gateways[(first + turn) % self.gateways.len()];
            let client = gateway.client.lock().unwrap();
            if let Some(client) = &*client {
                gateway.running.send_modify(|running| *running += 1);
                return Place { gateway, client: client.clone() };
            }
        }
        panic!("no gateway takes requests");
    }

    pub(crate) fn admit(&self, gateway: usize) {
        let client = Client::builder().timeout(PATIENCE).pool_idle_timeout(IDLE).build().unwrap();
        *self.gateways[gateway].client.lock().unwrap() = Some(client);
    }

    /// Sends no more requests to a gateway, and waits for the answers to those that it has.
    pub(crate) async fn drain(&self, gateway: usize) {
        let gateway = &self.gateways[gateway];
        drop(gateway.client.lock().unwrap().take());
        gateway.running.subscribe().wait_for(|running| *running == 0).await.unwrap();
    }
}
