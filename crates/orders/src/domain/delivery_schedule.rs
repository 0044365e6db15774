//! The schedule of retries.

use std::time::Duration;

use rowhouse_jobs::Backoff;

/// The delays between the attempts: 23 hours and 21 minutes in all.
const DELAYS: [Duration; 10] = [
    Duration::from_secs(2),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(8),
    Duration::from_hours(8),
];

/// The longest delay that a receiver can request with `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(12);

/// The number of attempts after which a delivery fails.
pub(crate) const MAX_DELIVERY_ATTEMPTS: i32 = 11;

/// Returns the delay after a failed attempt, after which `attempts_left` remain. `retry_after` is the delay that the receiver requested,
/// which can only lengthen it.
pub(crate) fn delivery_delay(attempts_left: i32, retry_after: Option<Duration>) -> Duration {
    let delay = Backoff::listed(&DELAYS).delay(MAX_DELIVERY_ATTEMPTS - attempts_left);
    delay.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_take_about_a_day() {
        assert_eq!(usize::try_from(MAX_DELIVERY_ATTEMPTS).unwrap(), DELAYS.len() + 1);
        let total: Duration = DELAYS.iter().sum();
        assert_eq!(total, Duration::from_secs(23 * 3_600 + 21 * 60 + 17));
        for (left, planned) in
            [(10, 2), (9, 15), (8, 60), (1, 8 * 3_600), (0, 8 * 3_600), (-1, 8 * 3_600), (99, 2)]
        {
            let delay = delivery_delay(left, None).as_secs_f64();
            let planned = f64::from(planned);
            assert!((planned..=planned * 1.25).contains(&delay), "{left}: {delay}");
        }
    }

    #[test]
    fn a_receivers_wish_is_a_delay_and_no_haste() {
        assert_eq!(delivery_delay(10, Some(Duration::from_mins(30))), Duration::from_mins(30));
        assert!(delivery_delay(10, Some(Duration::ZERO)) >= Duration::from_secs(2));
        assert_eq!(delivery_delay(10, Some(Duration::MAX)), LONGEST_RETRY_AFTER);
    }
}
