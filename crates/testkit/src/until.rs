//! [`until`], which waits for what a test has caused.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// The time limit, longer than anything in the tests takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// Waits until a condition is met, and returns how long that took. Fails after two minutes.
pub async fn until(mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    let met = async {
        while !condition().await {
            sleep(PAUSE).await;
        }
    };
    assert!(timeout(PATIENCE, met).await.is_ok(), "the condition was not met within {PATIENCE:?}");
    began.elapsed()
}
