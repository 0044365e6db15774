//! An estimate of the time that a piece of work takes.

use std::time::Duration;

/// The weight of the latest piece of work in the average is one divided by this.
const MEMORY: u32 = 8;
/// The latest piece counts as at most this many times the average, since a stall of the machine is not part of the
/// work.
const MOST: u32 = 2;
/// The shortest average. An average of zero could never grow.
const LEAST: Duration = Duration::from_millis(1);

/// The average duration of recent pieces of work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate(Duration);

impl Estimate {
    pub(super) fn new(average: Duration) -> Self {
        Self(average.max(LEAST))
    }

    pub(super) const fn average(self) -> Duration {
        self.0
    }

    /// Adds a piece of work to the average.
    pub(super) fn learn(&mut self, took: Duration) {
        let took = took.min(self.0.saturating_mul(MOST));
        *self = Self::new(self.0.saturating_mul(MEMORY - 1).saturating_add(took) / MEMORY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_millis(100);

    #[test]
    fn a_stall_is_not_what_work_takes() {
        let mut estimate = Estimate::new(USUAL);
        estimate.learn(Duration::from_mins(10));
        assert!(estimate.average() <= USUAL * 5 / 4, "{estimate:?}");
        for _ in 0..3 {
            estimate.learn(Duration::MAX);
        }
        assert!(estimate.average() < USUAL * 2, "{estimate:?}");
        for _ in 0..16 {
            estimate.learn(USUAL);
        }
        assert!(estimate.average() < USUAL * 11 / 10, "it is forgotten: {estimate:?}");
    }

    #[test]
    fn work_that_takes_longer_for_long_is_learnt() {
        for begin in [Duration::ZERO, Duration::from_millis(1), Duration::from_mins(1)] {
            let mut estimate = Estimate::new(begin);
            for _ in 0..100 {
                estimate.learn(USUAL);
            }
            assert!(estimate.average().abs_diff(USUAL) < USUAL / 10, "{estimate:?}");
        }
    }
}
