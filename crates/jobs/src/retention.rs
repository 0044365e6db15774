//! Regular deletion of expired rows, across tenants or without a tenant. A recurring job deletes the rows of one tenant, with
//! [`Run::sweep`](crate::Run::sweep).

use std::time::Duration;

use rowhouse_tenancy::DbError;
use tokio::time::sleep;

/// The pause after each batch, in which other work has the database to itself.
const PAUSE: Duration = Duration::from_millis(100);

/// The times of a sweep, which each instance of a service makes in the background.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The name of the deleted rows in the log.
    pub name: &'static str,
    /// The time until the first sweep.
    pub first: Duration,
    /// The time from the end of one sweep to the next.
    pub every: Duration,
}

impl Retention {
    /// Sweeps for ever. `batch` deletes some rows in one transaction, from the place that the previous batch returned. A sweep ends
    /// when it returns none or fails.
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
