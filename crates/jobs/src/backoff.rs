//! When a job that failed is tried again.

use std::time::Duration;

const LONGEST: Duration = Duration::from_hours(1);

/// Twice as long after each attempt, up to an hour, and never the same for many that failed together.
pub(crate) fn delay_after(attempts: i32) -> Duration {
    let exponent = u32::try_from(attempts).unwrap_or(0).min(12);
    with_jitter(Duration::from_secs(1 << exponent).min(LONGEST))
}

/// A quarter more or less.
pub(crate) fn with_jitter(delay: Duration) -> Duration {
    let mut random = [128];
    // Without randomness there is only no jitter.
    if getrandom::fill(&mut random).is_err() {
        return delay;
    }
    let [random] = random;
    delay.mul_f64(0.75 + f64::from(random) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_up_to_an_hour() {
        for (attempts, seconds) in
            [(1, 2.0), (2, 4.0), (5, 32.0), (11, 2048.0), (12, 3600.0), (i32::MAX, 3600.0)]
        {
            let delay = delay_after(attempts).as_secs_f64();
            assert!((seconds * 0.75..seconds * 1.25).contains(&delay), "{attempts}: {delay}");
        }
    }

    #[test]
    fn many_are_not_tried_again_at_the_same_moment() {
        let delays: std::collections::HashSet<_> = (0..64).map(|_| delay_after(10)).collect();
        assert!(delays.len() > 16, "{delays:?}");
    }
}
