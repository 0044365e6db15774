//! When a task that did not succeed is tried again, and until when.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::later;
use crate::sealing::random;

const LONGEST_DELAY: Duration = Duration::from_hours(1);
/// A letter that is older is of no use to anybody.
const GIVE_UP_AFTER: Duration = Duration::from_hours(3 * 24);

/// A task's id says when it was added.
pub(crate) fn is_too_old(id: Uuid) -> bool {
    let added = id.get_timestamp().and_then(|added| {
        let (seconds, nanos) = added.to_unix();
        DateTime::from_timestamp(seconds.cast_signed(), nanos)
    });
    added.is_none_or(|added| later(added, GIVE_UP_AFTER) < Utc::now())
}

/// Twice as long after each attempt, and never the same for many that failed together.
pub(super) fn delay_after(attempts: i32) -> Duration {
    let exponent = u32::try_from(attempts).unwrap_or(0).min(12);
    let delay = Duration::from_secs(1 << exponent).min(LONGEST_DELAY);
    let [jitter] = random::<1>().unwrap_or([128]);
    delay.mul_f64(0.75 + f64::from(jitter) / 512.0)
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
    fn a_task_is_given_up_after_three_days() {
        assert!(!is_too_old(Uuid::now_v7()));
        let old = (Utc::now() - chrono::TimeDelta::days(4)).timestamp().cast_unsigned();
        let old = uuid::Timestamp::from_unix(uuid::NoContext, old, 0);
        assert!(is_too_old(Uuid::new_v7(old)));
        assert!(is_too_old(Uuid::nil()));
    }
}
