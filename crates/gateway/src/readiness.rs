//! Readiness: whether requests can be answered at present.

use std::time::Duration;

use futures_util::future::join_all;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::TracedChannel;
use rowhouse_chassis::health;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::clients::Clients;

/// The time limit of a check, and the interval between two.
const INTERVAL: Duration = Duration::from_secs(1);

/// Checks the services' health, once a second at most, for any number of callers.
pub(crate) struct Readiness {
    services: PerService<TracedChannel>,
    last: Mutex<Option<(Instant, Vec<ServiceName>)>>,
}

impl Readiness {
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { services: clients.channels().clone(), last: Mutex::new(None) }
    }

    /// Returns the services that are not ready.
    pub(crate) async fn missing(&self) -> Vec<ServiceName> {
        let mut last = self.last.lock().await;
        if let Some((checked, missing)) = &*last
            && checked.elapsed() < INTERVAL
        {
            return missing.clone();
        }
        let checks = self.services.iter().map(async |(service, channel)| {
            let serving = timeout(INTERVAL, health::is_serving(channel, service.health())).await;
            (!serving.unwrap_or(false)).then_some(service)
        });
        let missing: Vec<_> = join_all(checks).await.into_iter().flatten().collect();
        *last = Some((Instant::now(), missing.clone()));
        missing
    }
}
