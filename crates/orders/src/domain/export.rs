//! An export as its tenant sees it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::export_format::ExportFormat;
use super::status::OrderStatus;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) id: Uuid,
    pub(crate) resource: String,
    pub(crate) format: ExportFormat,
    /// Only orders with this status.
    pub(crate) order_status: Option<OrderStatus>,
    pub(crate) status: ExportStatus,
    pub(crate) orders_done: i64,
    pub(crate) orders_total: i64,
    pub(crate) chunk_count: i32,
    pub(crate) size_bytes: i64,
    pub(crate) job_id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// The reason of a failure, as shown to the tenant's people.
    pub(crate) failure: Option<String>,
}

/// The status of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// The error of parsing a text that is not a status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an export's status is one of queued, running, succeeded, failed, cancelled")]
pub(crate) struct UnknownExportStatus;

impl ExportStatus {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// Returns the name in rows and messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ExportStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ExportStatus {
    type Err = UnknownExportStatus;

    fn from_str(text: &str) -> Result<Self, UnknownExportStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownExportStatus)
    }
}
