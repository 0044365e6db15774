//! When a task that did not succeed is tried again, and until when.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rowhouse_jobs::Backoff;
use uuid::Uuid;

use crate::domain::later;

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

pub(super) const BACKOFF: Backoff = Backoff::doubling(Duration::from_secs(2), Duration::from_hours(1));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_given_up_after_three_days() {
        assert!(!is_too_old(Uuid::now_v7()));
        let old = (Utc::now() - chrono::TimeDelta::days(4)).timestamp().cast_unsigned();
        let old = uuid::Timestamp::from_unix(uuid::NoContext, old, 0);
        assert!(is_too_old(Uuid::new_v7(old)));
        assert!(is_too_old(Uuid::nil()));
    }
}
