//! The age of a job.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rowhouse_jobs::JobId;

use crate::domain::later;

/// The age at which an email is abandoned, since it is of no use any more.
const MAX_AGE: Duration = Duration::from_hours(3 * 24);

/// Returns whether a job is too old, by the time in its id.
pub(crate) fn is_too_old(id: JobId) -> bool {
    let enqueued = id.as_uuid().get_timestamp().and_then(|enqueued| {
        let (seconds, nanos) = enqueued.to_unix();
        DateTime::from_timestamp(seconds.cast_signed(), nanos)
    });
    enqueued.is_none_or(|enqueued| later(enqueued, MAX_AGE) < Utc::now())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_job_is_too_old_after_three_days() {
        assert!(!is_too_old(Uuid::now_v7().into()));
        let old = (Utc::now() - chrono::TimeDelta::days(4)).timestamp().cast_unsigned();
        let old = uuid::Timestamp::from_unix(uuid::NoContext, old, 0);
        assert!(is_too_old(Uuid::new_v7(old).into()));
        assert!(is_too_old(Uuid::nil().into()));
    }
}
