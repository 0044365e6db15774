//! The services and the gateway in one process, each over its own sockets: for `rowhouse dev` and for tests.
//!
//! They are the ones of their own binaries, through the same `App`, and know nothing of each other but addresses.

mod addresses;
pub mod mailbox;
mod parts;

use std::time::Duration;

use rowhouse_auth::Auth;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::{Listener, channel};
use rowhouse_chassis::health::is_serving;
use rowhouse_chassis::service::App;
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_onboarding::Onboarding;
use rowhouse_orders::Orders;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

pub use addresses::{Addresses, url};
pub use parts::Parts;

/// How long each row may take to finish its calls: with the time of PostgreSQL (five and a half) and of the last spans
/// (one) it is less than ten seconds.
const GATEWAY_LIMIT: Duration = Duration::from_secs(2);
const SERVICES_LIMIT: Duration = Duration::from_secs(1);
/// How long the services' calls and jobs have of that; then jobs are released, so that the next start finds them.
const SERVICES_DRAIN: Duration = Duration::from_millis(600);
const READY_INTERVAL: Duration = Duration::from_millis(20);

/// The running parts. Dropping it gives them up.
pub struct System {
    addresses: Addresses,
    gateway: JoinSet<SystemError>,
    services: JoinSet<SystemError>,
    stop_gateway: Trigger,
    stop_services: Trigger,
}

/// Why a part does not run.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// It does not start.
    #[error("{name} does not start: {reason}")]
    Start {
        /// Which.
        name: &'static str,
        /// What it says.
        reason: String,
    },
    /// It ended.
    #[error("{name} stopped by itself: {reason}")]
    Ended {
        /// Which.
        name: &'static str,
        /// What it says.
        reason: String,
    },
}

impl System {
    /// Builds each part and serves it. When this returns, all of them accept connections.
    pub async fn start(parts: Parts) -> Result<Self, SystemError> {
        // All of them first, so that each service can be told where the others are.
        let listeners = PerService::try_from_fn(|service| {
            Listener::bind(parts.addresses.services[service]).map_err(not_started(service.as_str()))
        })?;
        let at = PerService::from_fn(|service| listeners[service].local_addr());
        let mut apps = Vec::new();
        for (service, listener) in listeners {
            let app = match service {
                ServiceName::Auth => {
                    Box::pin(App::build_on(listener, parts.service::<Auth>(parts.auth()))).await
                }
                ServiceName::Onboarding => {
                    Box::pin(App::build_on(listener, parts.service::<Onboarding>(parts.onboarding(&at))))
                        .await
                }
                ServiceName::Orders => {
                    Box::pin(App::build_on(listener, parts.service::<Orders>(parts.orders()))).await
                }
            };
            apps.push((service.as_str(), app.map_err(not_started(service.as_str()))?));
        }
        let gateway = rowhouse_gateway::App::build(parts.gateway(at));
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

    /// Where the parts listen, with the ports that were taken.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Waits until each service says that it is ready, as Kubernetes does before it sends requests; no longer than `limit`.
    pub async fn until_ready(&self, limit: Duration) {
        let ready = async {
            for (service, address) in self.addresses.services.iter() {
                // The address is one that a service listens on.
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

    /// Waits until one of them ends without having been asked to.
    pub async fn ended(&mut self) -> SystemError {
        let ended = tokio::select! {
            Some(ended) = self.gateway.join_next() => ended,
            Some(ended) = self.services.join_next() => ended,
            else => std::future::pending().await,
        };
        ended.unwrap_or_else(|error| SystemError::Ended { name: "a part", reason: error.to_string() })
    }

    /// Stops the gateway, then the services, which it may be using until then. Takes three seconds at most.
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
