//! Hearing that a set-up has ended, in this instance or another.

use std::sync::Arc;

use rowhouse_tenancy::TenantDb;
use tokio::sync::watch;

use crate::store::onboardings::ENDED;

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

    /// Listens for ever, on a connection of its own. While notifications do not arrive, those who wait look by the clock.
    pub(crate) async fn listen(self, db: TenantDb) {
        let mut listener = db.listen(ENDED);
        loop {
            listener.heard().await;
            self.0.send_replace(());
        }
    }
}
