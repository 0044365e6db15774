//! [`Pace`], the limit on changed rows per second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Keeps the total rate of all workers below a limit.
pub(super) struct Pace {
    rate: Option<u32>,
    /// The time until which the changes so far use up the rate.
    due: Mutex<Instant>,
}

impl Pace {
    /// Creates a limit of `rate` rows per second.
    pub(super) fn new(rate: Option<u32>) -> Self {
        Self { rate, due: Mutex::new(Instant::now()) }
    }

    /// Returns the size of a batch, which is at most the rows of one second.
    pub(super) fn batch(&self, size: u32) -> i64 {
        i64::from(self.rate.map_or(size, |rate| size.min(rate)).max(1))
    }

    /// Waits until the next batch may begin.
    pub(super) async fn wait(&self) {
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        sleep_until(due).await;
    }

    /// Accounts for changed rows.
    pub(super) fn spend(&self, rows: u64) {
        let Some(rate) = self.rate else { return };
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let time = Duration::from_secs(1).saturating_mul(rows) / rate.max(1);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = (*due).max(Instant::now()) + time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_take_their_time() {
        let pace = Pace::new(Some(1000));
        assert_eq!((pace.batch(100), pace.batch(10_000)), (100, 1000));
        let begun = Instant::now();
        for _ in 0..3 {
            pace.wait().await;
            pace.spend(50);
        }
        pace.wait().await;
        assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn without_a_rate_nobody_waits() {
        let pace = Pace::new(None);
        let begun = Instant::now();
        pace.spend(u64::MAX);
        pace.wait().await;
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_eq!(pace.batch(1000), 1000);
    }
}
