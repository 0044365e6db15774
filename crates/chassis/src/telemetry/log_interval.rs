//! [`LogInterval`], the time between log lines about something that happens too often for a line each.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// The time of the last log line.
#[derive(Debug, Default)]
pub(crate) struct LogInterval(Mutex<Option<Instant>>);

impl LogInterval {
    /// Returns whether a line is due, which then counts as written.
    pub(crate) fn is_due(&self) -> bool {
        // A thread that finds it locked leaves the line to the other.
        let Ok(mut last) = self.0.try_lock() else { return false };
        let due = last.is_none_or(|at| at.elapsed() >= INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_due_and_the_next_is_not() {
        let interval = LogInterval::default();
        assert_eq!([interval.is_due(), interval.is_due()], [true, false]);
    }
}
