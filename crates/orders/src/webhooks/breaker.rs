//! The rules for pausing and disabling endpoints that fail.

use std::time::Duration;

use rowhouse_jobs::Backoff;

/// The number of failures in a row after which an endpoint is paused, and the number of those that timed out.
const FAILURES: i32 = 5;
const HUNG_FAILURES: i32 = 2;
/// The duration above which a failed attempt counts as timed out: it delayed those that follow.
const HUNG: Duration = Duration::from_secs(4);
/// The first pause is longer than any attempt that was under way takes.
const PAUSES: Backoff = Backoff::doubling(Duration::from_secs(20), Duration::from_hours(1));
/// The time without a successful delivery, and the number of attempts, after which an endpoint is disabled.
const DISABLED_AFTER: Duration = Duration::from_hours(5 * 24);
const DISABLED_FAILURES: i32 = 20;

/// The consequence of a failure for the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BreakerDecision {
    GoOn,
    /// Nothing is sent for this time, and then one delivery alone.
    Pause(Duration),
    Disable,
}

/// Returns the consequence. `failures` is the number in a row including this one, the first of them `failing_for`
/// ago. `took` is the duration of this attempt, if there was no answer.
pub(super) fn after_failure(failures: i32, failing_for: Duration, took: Option<Duration>) -> BreakerDecision {
    if failures >= DISABLED_FAILURES && failing_for >= DISABLED_AFTER {
        return BreakerDecision::Disable;
    }
    let most = if took.is_some_and(|took| took >= HUNG) { HUNG_FAILURES } else { FAILURES };
    if failures < most {
        BreakerDecision::GoOn
    } else {
        BreakerDecision::Pause(PAUSES.delay(failures - most + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn pause(failures: i32, took: Option<Duration>) -> Option<Duration> {
        match after_failure(failures, DAY, took) {
            BreakerDecision::Pause(pause) => Some(pause),
            BreakerDecision::GoOn | BreakerDecision::Disable => None,
        }
    }

    #[test]
    fn pauses_grow_and_come_sooner_when_attempts_hang() {
        let hung = Some(Duration::from_secs(15));
        for (failures, took, seconds) in [
            (1, None, None),
            (4, None, None),
            (4, Some(Duration::from_millis(3_999)), None),
            (5, None, Some(20)),
            (6, None, Some(40)),
            (1, hung, None),
            (2, hung, Some(20)),
            (4, hung, Some(80)),
            (10, hung, Some(3_600)),
            (i32::MAX, None, Some(3_600)),
        ] {
            let pause = pause(failures, took).map(|pause| pause.as_secs_f64());
            let in_bounds = match (pause, seconds) {
                (Some(pause), Some(seconds)) => {
                    (f64::from(seconds)..=f64::from(seconds) * 1.25).contains(&pause)
                }
                (pause, seconds) => pause.is_none() && seconds.is_none(),
            };
            assert!(in_bounds, "{failures} {took:?}: {pause:?}");
        }
    }

    #[test]
    fn an_endpoint_is_disabled_after_days_of_failures() {
        assert_eq!(after_failure(20, DAY * 5, None), BreakerDecision::Disable);
        assert_ne!(after_failure(19, DAY * 50, None), BreakerDecision::Disable, "nobody has really tried");
        assert_ne!(after_failure(1_000, DAY * 4, None), BreakerDecision::Disable);
    }
}
