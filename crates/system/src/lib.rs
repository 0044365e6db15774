//! The services and the gateway in one process, each with its own sockets: for `rowhouse dev` and for tests.
//!
//! They are those of their own binaries, with the same `App`, and know only each other's addresses.

mod addresses;
pub mod mail_directory;
mod parts;
mod services;

use std::time::Duration;

use rowhouse_catalog::PerService;
use rowhouse_chassis::grpc::{Listener, channel};
use rowhouse_chassis::health::is_serving;
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

pub use addresses::{Addresses, url};
pub use parts::Parts;
pub use services::{Visitor, command, visit};

/// The time for each row to finish its calls. Together with PostgreSQL's (five and a half seconds) and the last
/// spans' (one) it is less than ten seconds.
const GATEWAY_LIMIT: Duration = Duration::from_secs(2);
const SERVICES_LIMIT: Duration = Duration::from_secs(1);
/// The part of it for the services' calls and jobs; after that jobs are released, so that the next start finds them.
const SERVICES_DRAIN: Duration = Duration::from_millis(600);
const READY_INTERVAL: Duration = Duration::from_millis(20);

/// The running parts. Dropping it aborts them.
pub struct System {
    addresses: Addresses,
    gateway: JoinSet<SystemError>,
    services: JoinSet<SystemError>,
    stop_gateway: Trigger,
    stop_services: Trigger,
}

/// The reason why a part does not run.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// It could not start.
    #[error("{name} does not start: {reason}")]
    Start {
        /// The name.
        name: &'static str,
        /// The version of the cluster.
        reason: String,
    },
    /// It has ended.
    #[error("{name} stopped by itself: {reason}")]
    Ended {
        /// The name.
        name: &'static str,
        /// The version of the cluster.
        reason: String,
    },
}

impl System {
    /// Builds and serves each part. When this returns, all of them accept connections.
    pub async fn start(parts: Parts) -> Result<Self, SystemError> {
        // All of them first, so that each service can be told where the others are.
        let listeners = PerService::try_from_fn(|service| {
            Listener::bind(parts.addresses.services[service]).map_err(not_started(service.as_str()))
        })?;
        let at = PerService::from_fn(|service| listeners[service].local_addr());
        let front = Listener::bind(parts.addresses.gateway).map_err(not_started("the gateway"))?;
        let issuer = match parts.issuer {
            Some(issuer) => issuer,
            None => url(front.local_addr()).parse().map_err(not_started("the gateway"))?,
        };
        let parts = Parts { issuer: Some(issuer), ..parts };
        let mut apps = Vec::new();
        for (service, listener) in listeners {
            let app = Box::pin(services::build(service, listener, &parts, &at)).await;
            apps.push((service.as_str(), app.map_err(not_started(service.as_str()))?));
        }
        let gateway = rowhouse_gateway::App::build_on(front, parts.gateway(at));
        let gateway = Box::pin(gateway).await.map_err(not_started("the gateway"))?;
        let addresses = Addresses { gateway: gateway.address(), services: at };

        let (stop_services, shutdown) = Shutdown::within(SERVICES_DRAIN);
        let mut services = JoinSet::new();
        for (name, app) in apps {
            let until = shutdown.clone();
            services.spawn(async move { ended(name, app.serve(until).await) });
        }
        let (stop_gateway, shutdown) = Shutdown::new();
        let mut front = JoinSet::new();
        front.spawn(async move { ended("the gateway", gateway.serve(shutdown).await) });
        Ok(Self { addresses, gateway: front, services, stop_gateway, stop_services })
    }

    /// Returns the addresses of the parts with the actual ports.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Waits until each service is ready, for at most `limit`.
    pub async fn until_ready(&self, limit: Duration) {
        let ready = async {
            for (service, address) in self.addresses.services.iter() {
                // A service listens on the address.
                let Ok(channel) = channel(&url(*address)) else { continue };
                while !is_serving(&channel, service.health()).await {
                    sleep(READY_INTERVAL).await;
                }
            }
        };
        if timeout_at(Instant::now() + limit, ready).await.is_err() {
            tracing::warn!("not every service has become ready within {limit:?}");
        }
    }

    /// Waits until a part ends by itself.
    pub async fn ended(&mut self) -> SystemError {
        let ended = tokio::select! {
            Some(ended) = self.gateway.join_next() => ended,
            Some(ended) = self.services.join_next() => ended,
            else => std::future::pending().await,
        };
        ended.unwrap_or_else(|error| SystemError::Ended { name: "a part", reason: error.to_string() })
    }

    /// Stops the gateway, and then the services, which it may use until then. It takes three seconds at most.
    pub async fn stop(mut self) {
        self.stop_gateway.request();
        drain(&mut self.gateway, GATEWAY_LIMIT).await;
        self.stop_services.request();
        drain(&mut self.services, SERVICES_LIMIT).await;
    }
}

async fn drain(parts: &mut JoinSet<SystemError>, limit: Duration) {
    let until = Instant::now() + limit;
    while let Ok(Some(_)) = timeout_at(until, parts.join_next()).await {}
    if !parts.is_empty() {
        tracing::warn!("calls were still running after {limit:?}; giving them up");
        parts.abort_all();
    }
}

fn not_started<E: ToString>(name: &'static str) -> impl Fn(E) -> SystemError {
    move |error| SystemError::Start { name, reason: error.to_string() }
}

fn ended<E: ToString>(name: &'static str, outcome: Result<(), E>) -> SystemError {
    let reason = outcome.map_or_else(|error| error.to_string(), |()| "nobody asked it to".to_owned());
    SystemError::Ended { name, reason }
}
