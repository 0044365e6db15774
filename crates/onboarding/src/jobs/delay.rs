//! The retries of failed steps.

use std::time::Duration;

use rowhouse_jobs::{Backoff, Failure, Run};

use crate::auth_client::AuthError;
use crate::orders_client::OrdersError;

/// The number of attempts. With the delays between them they last more than a day, by which time an outage should be
/// over.
pub(super) const MAX_ATTEMPTS: i32 = 400;

/// The delays between attempts. The first are short, since the caller waits.
const BACKOFF: Backoff = Backoff::doubling(Duration::from_millis(250), Duration::from_mins(5));

/// Converts an error of auth into the failure of a step. A final refusal is `fatal`.
pub(super) fn after_auth(run: &Run, error: &AuthError) -> Failure {
    tracing::warn!(%error, "a step of a tenant's set-up failed: {error}");
    match error {
        AuthError::Invalid(_) | AuthError::Caller(_) => {
            Failure::fatal("the first owner's proof is not valid any more: sign up again")
        }
        AuthError::TooManyTenants => {
            Failure::fatal("the first owner is a member of the maximum number of tenants")
        }
        AuthError::NotAMember => Failure::fatal("the first owner was removed before the set-up had ended"),
        AuthError::UnknownTenant
        | AuthError::TenantSuspended
        | AuthError::TooMany { .. }
        | AuthError::Busy { .. }
        | AuthError::Unavailable { .. }
        | AuthError::DeadlineExceeded
        | AuthError::Unexpected(_)
        | AuthError::Token(_) => Failure::retry_after(
            "the auth service is not available for the moment",
            BACKOFF.planned(run.attempt()),
        ),
    }
}

/// Converts an error of orders into the failure of a step. Orders refuses nothing for good.
pub(super) fn after_orders(run: &Run, error: &OrdersError) -> Failure {
    tracing::warn!(%error, "a step of a tenant's set-up failed: {error}");
    Failure::retry_after("the orders service is not available for the moment", BACKOFF.planned(run.attempt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_up_is_tried_for_more_than_a_day() {
        let in_all: Duration = (1..MAX_ATTEMPTS).map(|attempt| BACKOFF.planned(attempt)).sum();
        assert!(in_all > Duration::from_hours(24), "{in_all:?}");
    }
}
