//! Hearing that there is something to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowhouse_tenancy::{DbError, TenantDb};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{LISTENING_INTERVAL, OUTAGE, POLLING_INTERVAL};
use crate::claim::channel;

/// Listens in the background, again and again.
pub(super) struct Wake {
    heard: Arc<Notify>,
    listening: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Wake {
    pub(super) fn start(db: TenantDb) -> Self {
        let (heard, listening) = (Arc::<Notify>::default(), Arc::<AtomicBool>::default());
        let task = tokio::spawn(listen(db, Arc::clone(&heard), Arc::clone(&listening)));
        Self { heard, listening, task }
    }

    /// Waits until there may be something to do.
    pub(super) async fn woken(&mut self) {
        self.heard.notified().await;
    }

    /// How often to look all the same: seldom only while notifications arrive.
    pub(super) fn interval(&self) -> Duration {
        if self.listening.load(Ordering::Relaxed) { LISTENING_INTERVAL } else { POLLING_INTERVAL }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(db: TenantDb, heard: Arc<Notify>, listening: Arc<AtomicBool>) {
    let channel = loop {
        match db.global_tx::<_, DbError, _>("jobs.channel", async |tx| channel(tx).await).await {
            Ok(channel) => break channel,
            Err(error) => tracing::debug!(%error, "jobs are polled for, since nobody can listen: {error}"),
        }
        sleep(OUTAGE).await;
    };
    let mut listener = db.listen(channel);
    loop {
        listener.heard().await;
        listening.store(listener.is_listening(), Ordering::Relaxed);
        heard.notify_one();
    }
}
