//! When a step that did not succeed is tried again.

use std::time::Duration;

use rowhouse_jobs::{Failure, Run};

use crate::auth_client::AuthError;
use crate::orders_client::OrdersError;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_mins(5);

/// With the delays between them, attempts for more than a day: whatever is down is up again by then.
pub(super) const MAX_ATTEMPTS: i32 = 400;

/// Twice as long after each attempt. Somebody waits for the first ones.
fn delay_after(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt).unwrap_or(0).saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

/// What becomes of a step that another service did not take. What it refuses for good is `fatal`.
pub(super) fn after_auth(run: &Run, error: &AuthError) -> Failure {
    tracing::warn!(%error, "a step of a set-up is not done: {error}");
    match error {
        AuthError::Invalid(_) | AuthError::Caller(_) => {
            Failure::fatal("what was found out about the first owner cannot be read any more: sign up again")
        }
        AuthError::TooManyTenants => Failure::fatal("the first owner is in as many tenants as there may be"),
        AuthError::NotAMember => Failure::fatal("the first owner was removed before the set-up had ended"),
        AuthError::UnknownTenant
        | AuthError::TenantSuspended
        | AuthError::TooMany { .. }
        | AuthError::Busy { .. }
        | AuthError::Unavailable { .. }
        | AuthError::DeadlineExceeded
        | AuthError::Unexpected(_)
        | AuthError::Token(_) => Failure::retry_after(
            "the auth service does not do its part for the moment",
            delay_after(run.attempt()),
        ),
    }
}

/// The same of orders, which refuses nothing for good.
pub(super) fn after_orders(run: &Run, error: &OrdersError) -> Failure {
    tracing::warn!(%error, "a step of a set-up is not done: {error}");
    Failure::retry_after("the orders service does not do its part for the moment", delay_after(run.attempt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_up_to_five_minutes() {
        for (attempt, millis) in
            [(0, 250), (1, 250), (2, 500), (5, 4_000), (12, 300_000), (i32::MAX, 300_000)]
        {
            assert_eq!(delay_after(attempt), Duration::from_millis(millis), "{attempt}");
        }
        let in_all: Duration = (1..MAX_ATTEMPTS).map(delay_after).sum();
        assert!(in_all > Duration::from_hours(24), "{in_all:?}");
    }
}
