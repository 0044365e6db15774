//! What is done in the background.

pub(super) mod cancel;
pub(super) mod get;
pub(super) mod list;

use prost_types::Timestamp;
use rowhouse_proto::jobs::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{known, lacking, optional_rfc3339, rfc3339};

/// A job of the access token's tenant.
#[derive(Serialize, ToSchema)]
struct Job {
    #[schema(format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c")]
    id: String,
    /// The service that does it.
    #[schema(example = "orders")]
    queue: String,
    /// What is done.
    #[schema(example = "export.write")]
    kind: String,
    status: JobStatus,
    /// How often it was begun.
    #[schema(example = 1)]
    attempts: i32,
    #[schema(example = 20)]
    max_attempts: i32,
    /// When it is begun at the earliest; null when it is not queued.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    due_at: Option<Timestamp>,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    /// When the latest attempt was begun.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    finished_at: Option<Timestamp>,
    /// Null where it does not say how far it is.
    #[schema(required = true)]
    progress: Option<Progress>,
    /// Why the latest attempt failed; null when it did not.
    #[schema(required = true, example = "the mail server did not take it")]
    last_error: Option<String>,
    /// Whether it can be cancelled: the system's own jobs can't.
    cancellable: bool,
    /// It was asked to stop, and has not yet.
    cancel_requested: bool,
    /// Seconds from one run to the next; null for a job that is done once.
    #[schema(required = true, example = 86400)]
    every_seconds: Option<i64>,
}

/// How far it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Progress {
    #[schema(example = 1200)]
    pub(super) done: i64,
    #[schema(example = 5000)]
    pub(super) total: i64,
}

/// Where a job is in its life.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum JobStatus {
    /// Waits to be begun, or to be tried again.
    Queued,
    Running,
    Succeeded,
    /// Given up.
    Dead,
    Cancelled,
}

impl From<JobStatus> for v1::JobStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => Self::Queued,
            JobStatus::Running => Self::Running,
            JobStatus::Succeeded => Self::Succeeded,
            JobStatus::Dead => Self::Dead,
            JobStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl TryFrom<v1::JobStatus> for JobStatus {
    type Error = Problem;

    fn try_from(status: v1::JobStatus) -> Result<Self, Problem> {
        match status {
            v1::JobStatus::Queued => Ok(Self::Queued),
            v1::JobStatus::Running => Ok(Self::Running),
            v1::JobStatus::Succeeded => Ok(Self::Succeeded),
            v1::JobStatus::Dead => Ok(Self::Dead),
            v1::JobStatus::Cancelled => Ok(Self::Cancelled),
            v1::JobStatus::Unspecified => Err(lacking("job.status")()),
        }
    }
}

impl TryFrom<v1::Job> for Job {
    type Error = Problem;

    fn try_from(job: v1::Job) -> Result<Self, Problem> {
        Ok(Self {
            status: job.status().try_into()?,
            id: job.id,
            queue: job.queue,
            kind: job.kind,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            due_at: job.due_at,
            created_at: job.created_at.ok_or_else(lacking("job.created_at"))?,
            started_at: job.started_at,
            finished_at: job.finished_at,
            progress: job.progress.map(|v1::Progress { done, total }| Progress { done, total }),
            last_error: known(job.last_error),
            cancellable: job.cancellable,
            cancel_requested: job.cancel_requested,
            every_seconds: job.every_seconds,
        })
    }
}
