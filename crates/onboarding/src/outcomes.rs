//! Hearing that a set-up has ended, in this instance or another.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::TenantDb;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::store::onboardings::ENDED;

/// How long to wait before listening again.
const OUTAGE: Duration = Duration::from_secs(1);

/// Wakes those who wait for the end of a set-up; they look for themselves whether it is theirs. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Outcomes(Arc<watch::Sender<()>>);

impl Outcomes {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    /// Changes whenever a set-up has ended.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }

    /// Listens for ever, on a connection of its own. While there is none, those who wait look by the clock.
    pub(crate) async fn listen(self, db: TenantDb) {
        loop {
            match db.listen(ENDED).await {
                Ok(mut listener) => {
                    // What was said before anybody listened.
                    self.0.send_replace(());
                    while listener.heard().await {
                        self.0.send_replace(());
                    }
                }
                Err(error) => tracing::debug!(%error, "ends of set-ups are not heard of: {error}"),
            }
            sleep(OUTAGE).await;
        }
    }
}
