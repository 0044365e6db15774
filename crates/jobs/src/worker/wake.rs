//! Hearing that there is something to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowhouse_tenancy::{ConnectError, DbError, Listener, TenantDb};
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

#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
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

    /// How often to look all the same.
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
    loop {
        match listener(&db).await {
            Ok(mut listener) => {
                listening.store(true, Ordering::Relaxed);
                // What was said before anybody listened.
                heard.notify_one();
                while listener.heard().await {
                    heard.notify_one();
                }
                listening.store(false, Ordering::Relaxed);
                heard.notify_one();
            }
            Err(error) => tracing::debug!(%error, "jobs are polled for, since nobody can listen: {error}"),
        }
        sleep(OUTAGE).await;
    }
}

async fn listener(db: &TenantDb) -> Result<Listener, ListenError> {
    let channel = db.global_tx("jobs.channel", async |tx| channel(tx).await).await?;
    Ok(db.listen(&channel).await?)
}
