//! Waiting for locks without blocking other transactions for long.

use std::thread;
use std::time::Duration;

/// The time for which a statement may wait in the queue for a lock. Others that want the table queue behind it and
/// time out after two seconds.
pub(super) const IN_THE_QUEUE: Duration = Duration::from_secs(1);

/// The first pause and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The total time that may be spent on waiting.
pub(crate) struct LockWait {
    limit: Duration,
    left: Duration,
    attempt: u32,
    notice: fn(&str),
}

impl LockWait {
    /// Creates a limit. `notice` is called with what it waits for.
    pub(crate) const fn new(limit: Duration, notice: fn(&str)) -> Self {
        Self { limit, left: limit, attempt: 0, notice }
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns the lock timeout of statements behind which others queue.
    pub(super) fn in_the_queue(&self) -> Duration {
        IN_THE_QUEUE.min(self.left).max(Duration::from_millis(1))
    }

    /// Returns the lock timeout of `CONCURRENTLY`, behind which no reader or writer queues.
    pub(super) fn aside(&self) -> Duration {
        self.left.max(Duration::from_millis(1))
    }

    /// Begins the attempts for another step.
    pub(super) const fn begin(&mut self) {
        self.attempt = 0;
    }

    /// Accounts for a failed attempt and pauses, longer after each attempt and with jitter, so that two processes do
    /// not stay in step. Returns `false` when the time is up.
    pub(super) fn again(&mut self, spent: Duration, what: &str) -> bool {
        self.left = self.left.saturating_sub(spent);
        if self.left.is_zero() {
            return false;
        }
        let ceiling = FIRST_PAUSE.saturating_mul(1 << self.attempt.min(5)).min(LONGEST_PAUSE);
        let pause = ceiling.mul_f64(f64::midpoint(1.0, random_fraction())).min(self.left);
        self.attempt = self.attempt.saturating_add(1);
        (self.notice)(&format!(
            "{what} waits for locks that others hold; trying again in {:.1} s, failing after {:.0} s more",
            pause.as_secs_f64(),
            self.left.as_secs_f64()
        ));
        thread::sleep(pause);
        self.left = self.left.saturating_sub(pause);
        true
    }
}

/// Returns a random number from 0 to 1.
fn random_fraction() -> f64 {
    // Without randomness the pauses are only less spread.
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_and_pauses_count_against_the_limit() {
        let mut wait = LockWait::new(Duration::from_secs(10), |_| {});
        assert_eq!(wait.in_the_queue(), IN_THE_QUEUE);
        assert!(wait.again(Duration::from_secs(9), "a test"));
        let left = wait.aside();
        assert!(left <= Duration::from_millis(875) && left >= Duration::from_millis(750), "{left:?}");
        assert_eq!(wait.in_the_queue(), left, "never longer than what is left");
        assert!(!wait.again(Duration::from_secs(1), "a test"));
        assert!(!wait.in_the_queue().is_zero(), "0 would be no limit at all");
    }
}
