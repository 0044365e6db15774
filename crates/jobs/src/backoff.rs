//! [`Backoff`], the delays between the attempts of a failing operation.

use std::time::Duration;

/// The delays after failed attempts. A delay is never shorter than planned and up to a quarter longer, so that operations that
/// failed together are not retried together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff(Delays);

#[derive(Clone, Copy, Debug)]
enum Delays {
    Doubling { first: Duration, longest: Duration },
    Listed(&'static [Duration]),
}

impl Backoff {
    /// Creates delays that double, from `first` up to `longest`.
    #[must_use]
    pub const fn doubling(first: Duration, longest: Duration) -> Self {
        Self(Delays::Doubling { first, longest })
    }

    /// Creates these delays. The last one repeats.
    #[must_use]
    pub const fn listed(delays: &'static [Duration]) -> Self {
        Self(Delays::Listed(delays))
    }

    /// Returns the delay after an attempt, counted from 1.
    #[must_use]
    pub fn delay(self, attempt: i32) -> Duration {
        with_jitter(self.planned(attempt))
    }

    /// Returns the delay without its random part.
    #[must_use]
    pub fn planned(self, attempt: i32) -> Duration {
        let before = u32::try_from(attempt).unwrap_or(0).saturating_sub(1);
        match self.0 {
            // No delay of a second or more can be doubled this often without reaching any `longest`.
            Delays::Doubling { first, longest } => first.saturating_mul(1 << before.min(31)).min(longest),
            Delays::Listed(delays) => {
                let place = usize::try_from(before).unwrap_or(usize::MAX);
                delays.get(place).or(delays.last()).copied().unwrap_or_default()
            }
        }
    }
}

/// Returns the delay with up to a quarter added.
pub(crate) fn with_jitter(delay: Duration) -> Duration {
    let mut random = [0];
    // Without randomness the delay has no jitter.
    if getrandom::fill(&mut random).is_err() {
        return delay;
    }
    let [random] = random;
    delay.mul_f64(1.0 + f64::from(random) / 1_020.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const LISTED: [Duration; 2] = [Duration::from_secs(2), Duration::from_mins(1)];

    #[test]
    fn delays_grow_to_their_end_and_are_never_shorter_than_planned() {
        let doubling = Backoff::doubling(Duration::from_secs(2), Duration::from_hours(1));
        let listed = Backoff::listed(&LISTED);
        for (backoff, attempt, seconds) in [
            (doubling, i32::MIN, 2),
            (doubling, 0, 2),
            (doubling, 1, 2),
            (doubling, 2, 4),
            (doubling, 11, 2_048),
            (doubling, 12, 3_600),
            (doubling, i32::MAX, 3_600),
            (listed, -1, 2),
            (listed, 1, 2),
            (listed, 2, 60),
            (listed, i32::MAX, 60),
        ] {
            let planned = Duration::from_secs(seconds);
            assert_eq!(backoff.planned(attempt), planned, "{backoff:?} {attempt}");
            let delays: HashSet<_> = (0..64).map(|_| backoff.delay(attempt)).collect();
            assert!(delays.len() > 16, "many come back together: {delays:?}");
            let longest = planned.mul_f64(1.25);
            assert!(delays.iter().all(|delay| (planned..=longest).contains(delay)), "{delays:?}");
        }
        assert_eq!(Backoff::listed(&[]).delay(1), Duration::ZERO);
    }
}
