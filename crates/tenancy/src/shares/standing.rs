//! [`Standing`], the time for which there has been a queue.

use std::time::Duration;

use tokio::time::Instant;

/// The time without a queue after which the next one is another.
///
/// Under too much load, places become free and requests arrive in turns, as threads run in turns, so that a queue which always comes
/// back is empty for moments.
const BREAK: Duration = Duration::from_millis(100);

/// The time at which a queue began, and the time at which it became empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    since: Option<Instant>,
    /// The time since which nobody waits.
    ended: Option<Instant>,
}

impl Standing {
    /// Records that somebody waits.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.is_over(now) {
            self.since = None;
        }
        self.ended = None;
        self.since.get_or_insert(now);
    }

    /// Records that nobody waits.
    pub(super) fn end(&mut self, now: Instant) {
        self.ended.get_or_insert(now);
    }

    /// Returns the time for which there has been a queue, but for short breaks.
    pub(super) fn time(&self, now: Instant) -> Duration {
        match self.since {
            Some(since) if !self.is_over(now) => now.saturating_duration_since(since),
            _ => Duration::ZERO,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ended.is_some_and(|ended| now.saturating_duration_since(ended) >= BREAK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_outlasts_a_short_break() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut standing = Standing::default();
        assert_eq!(standing.time(at(0)), Duration::ZERO);
        standing.end(at(0));
        standing.begin(at(10));
        standing.begin(at(20));
        assert_eq!(standing.time(at(50)), Duration::from_millis(40));
        standing.end(at(60));
        standing.end(at(90));
        assert_eq!(standing.time(at(159)), Duration::from_millis(149));
        assert_eq!(standing.time(at(160)), Duration::ZERO, "the first end counts");
        standing.begin(at(159));
        assert_eq!(standing.time(at(160)), Duration::from_millis(150));
        standing.end(at(200));
        standing.begin(at(300));
        assert_eq!(standing.time(at(310)), Duration::from_millis(10), "another queue");
    }
}
