//! Converting jobs and statuses from and to messages.

use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::jobs::v1::{self, Job};

use crate::{JobRecord, JobStatus};

pub(super) fn to_proto(job: JobRecord) -> Job {
    Job {
        id: job.id.to_string(),
        queue: job.queue,
        kind: job.kind,
        status: status(job.status).into(),
        attempts: job.attempts,
        max_attempts: job.max_attempts,
        due_at: job.due_at.map(timestamp),
        created_at: Some(timestamp(job.created_at)),
        started_at: job.started_at.map(timestamp),
        finished_at: job.finished_at.map(timestamp),
        progress: job.progress.map(|progress| v1::JobProgress { done: progress.done, total: progress.total }),
        last_error: job.last_error.unwrap_or_default(),
        cancellable: job.cancellable,
        cancel_requested: job.cancel_requested,
        every_seconds: job.every_seconds,
    }
}

const fn status(status: JobStatus) -> v1::JobStatus {
    match status {
        JobStatus::Queued => v1::JobStatus::Queued,
        JobStatus::Running => v1::JobStatus::Running,
        JobStatus::Succeeded => v1::JobStatus::Succeeded,
        JobStatus::Dead => v1::JobStatus::Dead,
        JobStatus::Cancelled => v1::JobStatus::Cancelled,
    }
}

/// The error for a number that is not a known status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one of queued, running, succeeded, dead, cancelled, or leave it out for all")]
pub(super) struct UnknownJobStatusNumber;

/// Parses the optional status of a request.
pub(super) fn parse_status(number: i32) -> Result<Option<JobStatus>, UnknownJobStatusNumber> {
    match v1::JobStatus::try_from(number) {
        Ok(v1::JobStatus::Unspecified) => Ok(None),
        Ok(v1::JobStatus::Queued) => Ok(Some(JobStatus::Queued)),
        Ok(v1::JobStatus::Running) => Ok(Some(JobStatus::Running)),
        Ok(v1::JobStatus::Succeeded) => Ok(Some(JobStatus::Succeeded)),
        Ok(v1::JobStatus::Dead) => Ok(Some(JobStatus::Dead)),
        Ok(v1::JobStatus::Cancelled) => Ok(Some(JobStatus::Cancelled)),
        Err(_) => Err(UnknownJobStatusNumber),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_number() {
        for one in [
            JobStatus::Queued,
            JobStatus::Running,
            JobStatus::Succeeded,
            JobStatus::Dead,
            JobStatus::Cancelled,
        ] {
            assert_eq!(parse_status(status(one).into()), Ok(Some(one)));
        }
        assert_eq!(parse_status(0), Ok(None));
        assert_eq!(parse_status(6), Err(UnknownJobStatusNumber));
    }
}
