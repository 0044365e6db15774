//! [`Limit`], the number of a client's places, which follows what the service takes.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// The fewest places.
const LEAST: usize = 8;
/// The time after a reduction in which further refusals are those of calls that were on their way.
const SETTLING: Duration = Duration::from_millis(100);
/// The time without refusals after which those before say nothing any more.
const MEMORY: Duration = Duration::from_secs(10);

/// The number of places: as TCP's window, one more after each round of answers and fewer after a refusal (AIMD).
///
/// The signal is the service's own refusal and not the duration of calls, since a login takes a hundred times as long as a read.
#[derive(Debug)]
pub(super) struct Limit {
    most: usize,
    places: usize,
    /// The number of answers of the current round, while the places were needed.
    answers: usize,
    reduced: Option<Instant>,
}

impl Limit {
    /// Creates a limit that is never above `most`, at which it begins.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        let most = most.get();
        Self { most, places: most, answers: 0, reduced: None }
    }

    /// Learns that the service answered a call, while so many places were taken. Returns the new number of places if it changed.
    pub(super) fn answered(&mut self, held: usize, now: Instant) -> Option<usize> {
        let before = self.places;
        if before == self.most {
            return None;
        }
        // Places that nobody takes need not become more.
        if held.saturating_mul(4) >= self.places.saturating_mul(3) {
            self.answers += 1;
        }
        if self.answers >= self.places {
            self.answers = 0;
            self.places += 1;
        }
        if !self.was_reduced_within(MEMORY, now) {
            self.places = self.most;
        }
        (self.places != before).then_some(self.places)
    }

    /// Learns that the service refused a call for its load. Returns the new number of places if it changed.
    pub(super) fn overloaded(&mut self, now: Instant) -> Option<usize> {
        if self.was_reduced_within(SETTLING, now) {
            return None;
        }
        self.reduced = Some(now);
        self.answers = 0;
        let before = self.places;
        self.places = (self.places.saturating_mul(4) / 5).max(LEAST).min(self.most);
        (self.places != before).then_some(self.places)
    }

    fn was_reduced_within(&self, time: Duration, now: Instant) -> bool {
        self.reduced.is_some_and(|at| now.saturating_duration_since(at) < time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(most: usize) -> Limit {
        Limit::new(NonZeroUsize::new(most).unwrap())
    }

    /// Lets as many calls be answered as there are places, while so many are taken.
    fn round(limit: &mut Limit, held: usize, now: Instant) -> usize {
        for _ in 0..limit.places {
            limit.answered(held, now);
        }
        limit.places
    }

    #[test]
    fn it_falls_with_refusals_and_rises_with_answers() {
        let start = Instant::now();
        let mut limit = limit(70);
        assert_eq!(round(&mut limit, 70, start), 70);
        assert_eq!(limit.overloaded(start), Some(56));
        assert_eq!(limit.overloaded(start + SETTLING / 2), None, "that call was on its way");
        assert_eq!(limit.overloaded(start + SETTLING), Some(44));
        assert_eq!(round(&mut limit, 32, start + SETTLING), 44, "three quarters are not taken");
        let rounds: Vec<_> = (0..3).map(|_| round(&mut limit, 40, start + SETTLING)).collect();
        assert_eq!(rounds, [45, 46, 47]);
        for again in 2..100 {
            limit.overloaded(start + SETTLING * again);
        }
        assert_eq!(limit.places, 8);
        assert_eq!(limit.answered(1, start + SETTLING * 99 + MEMORY), Some(70), "that was long ago");
    }

    #[test]
    fn it_is_never_above_the_most_or_nothing() {
        for most in [1, 3, 8] {
            let mut limit = limit(most);
            assert_eq!(limit.places, most);
            limit.overloaded(Instant::now());
            assert_eq!(limit.places, most.min(8));
            limit.answered(most, Instant::now() + MEMORY * 2);
            assert_eq!(limit.places, most);
        }
    }
}
