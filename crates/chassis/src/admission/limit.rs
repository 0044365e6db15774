//! [`Limit`], the number of places, which follows what the service can do.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// The fewest places of an adaptive limit.
const LEAST: f64 = 4.0;
/// The part that is left of the calls in progress after one was refused.
const REDUCTION: f64 = 0.8;
/// The time after a reduction in which further refusals are those of calls that were on their way.
const SETTLING: Duration = Duration::from_millis(100);

/// The number of places: as TCP's window, one more after each round of successes and fewer after a refusal (AIMD).
///
/// The signal is the service's own refusal and not the duration of calls, since a log-in takes a hundred times as long as a read.
#[derive(Debug)]
pub(super) struct Limit {
    most: f64,
    places: f64,
    reduced: Option<Instant>,
}

impl Limit {
    /// Creates a limit that is never above `most`, at which it begins. Without refusals by the service it stays there.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        // No computer runs four billion calls at once.
        let most = f64::from(u32::try_from(most.get()).unwrap_or(u32::MAX));
        Self { most, places: most, reduced: None }
    }

    /// Returns the number of places, one at least.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and u32::MAX"
    )]
    pub(super) fn places(&self) -> usize {
        self.places as usize
    }

    /// Learns from a success, while so many places are taken. Returns the new number of places if it changed.
    pub(super) fn succeeded(&mut self, held: usize) -> Option<usize> {
        // Places that nobody takes need not become more.
        if self.places >= self.most || held < self.places().div_ceil(2) {
            return None;
        }
        let before = self.places();
        self.places = (self.places + 1.0 / self.places).min(self.most);
        (self.places() != before).then(|| self.places())
    }

    /// Learns that the service refused a call as overloaded, while so many were in progress. Returns the new number of places if it
    /// changed.
    pub(super) fn overloaded(&mut self, held: usize, now: Instant) -> Option<usize> {
        if self.reduced.is_some_and(|at| now.duration_since(at) < SETTLING) {
            return None;
        }
        self.reduced = Some(now);
        let before = self.places();
        let held = f64::from(u32::try_from(held).unwrap_or(u32::MAX));
        self.places = (held.min(self.places) * REDUCTION).max(LEAST).min(self.most);
        (self.places() != before).then(|| self.places())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_with_refusals_and_rises_with_successes() {
        let start = Instant::now();
        let mut limit = Limit::new(NonZeroUsize::new(1000).unwrap());
        assert_eq!(limit.succeeded(1000), None, "it is the most already");
        assert_eq!(limit.overloaded(200, start), Some(160));
        assert_eq!(limit.overloaded(160, start + SETTLING / 2), None, "that call was on its way");
        assert_eq!(limit.overloaded(160, start + SETTLING), Some(128));
        assert_eq!((0..128).filter_map(|_| limit.succeeded(63)).last(), None, "half is not needed");
        assert_eq!((0..129).filter_map(|_| limit.succeeded(128)).last(), Some(129), "one more a round");
        for round in 2..100 {
            limit.overloaded(limit.places(), start + SETTLING * round);
        }
        assert_eq!(limit.places(), 4);
        for _ in 0..1_000_000 {
            limit.succeeded(usize::MAX);
        }
        assert_eq!(limit.places(), 1000);
    }

    #[test]
    fn there_is_always_a_place() {
        let mut limit = Limit::new(NonZeroUsize::MIN);
        assert_eq!(limit.places(), 1);
        limit.overloaded(0, Instant::now());
        assert_eq!(limit.places(), 1);
    }
}
