//! Whether requests would be answered at this moment.

use std::time::Duration;

use futures_util::future::join_all;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::TracedChannel;
use rowhouse_chassis::health;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::clients::Clients;

/// A check may take this long, and is not repeated sooner.
const INTERVAL: Duration = Duration::from_secs(1);

/// Asks the services how they are, once a second at most, however many ask.
pub(crate) struct Readiness {
    services: PerService<TracedChannel>,
    last: Mutex<Option<(Instant, Vec<ServiceName>)>>,
}

impl Readiness {
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { services: clients.channels().clone(), last: Mutex::new(None) }
    }

    /// The services that are not ready; none when all are.
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
