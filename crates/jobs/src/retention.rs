//! Deleting what is not kept any longer, across tenants or in none. Of one tenant's rows that is a recurring job, with
//! [`Run::sweep`](crate::Run::sweep).

use std::time::Duration;

use rowhouse_tenancy::DbError;
use tokio::time::sleep;

/// How long others have the database to themselves after each batch.
const PAUSE: Duration = Duration::from_millis(100);

/// The times of a sweep, which each instance of a service makes in the background.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// What is deleted, as the log calls it.
    pub name: &'static str,
    /// When the first sweep begins.
    pub first: Duration,
    /// The time from the end of one sweep to the next.
    pub every: Duration,
}

impl Retention {
    /// Sweeps for ever. `batch` deletes some rows in one transaction, from the place that the batch before has returned; a sweep ends
    /// when it returns none, or fails.
    pub async fn sweep<P, F, Fut>(self, mut batch: F)
    where
        P: Default,
        F: FnMut(P) -> Fut,
        Fut: Future<Output = Result<Option<P>, DbError>>,
    {
        let Self { name, first, every } = self;
        sleep(first).await;
        loop {
            let mut place = Some(P::default());
            while let Some(from) = place.take() {
                match batch(from).await {
                    Ok(next) => place = next,
                    Err(error) => tracing::warn!(%error, "{name} could not be removed: {error}"),
                }
                sleep(PAUSE).await;
            }
            sleep(every).await;
        }
    }
}
