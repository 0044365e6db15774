//! Files with all of a tenant's orders.

pub(super) mod create;
pub(super) mod file;
pub(super) mod get;

use prost_types::Timestamp;
use rowhouse_proto::orders::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jobs::Progress;
use super::orders::OrderStatus;
use crate::error::Problem;
use crate::json::{known, lacking, optional_rfc3339, rfc3339};

/// An export of the access token's tenant.
#[derive(Serialize, ToSchema)]
struct Export {
    #[schema(format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c")]
    id: String,
    /// What is exported.
    #[schema(example = "orders")]
    resource: String,
    format: ExportFormat,
    /// Only orders in this status; null means all.
    #[schema(required = true)]
    status: Option<OrderStatus>,
    state: ExportState,
    /// Orders written so far, and how many there are.
    progress: Progress,
    /// The file's size so far.
    #[schema(example = 482_113)]
    size_bytes: i64,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:31:00.123456Z")]
    finished_at: Option<Timestamp>,
    /// It is removed then, with its file; null until it has ended.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-24T08:31:00.123456Z")]
    expires_at: Option<Timestamp>,
    /// The job that writes it, to watch or to cancel.
    #[schema(format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f")]
    job_id: String,
    /// Why it failed; null when it did not.
    #[schema(required = true)]
    failure: Option<String>,
    /// Where the file is; null until it is complete.
    #[schema(required = true, example = "/v1/exports/01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c/file")]
    download_url: Option<String>,
}

/// What the file is.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    /// RFC 4180 in UTF-8, with a header: one line an order line.
    Csv,
    /// JSON Lines: one order a line.
    Jsonl,
}

/// Where an export is in its life.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<ExportFormat> for v1::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Jsonl => Self::Jsonl,
        }
    }
}

impl TryFrom<v1::ExportFormat> for ExportFormat {
    type Error = Problem;

    fn try_from(format: v1::ExportFormat) -> Result<Self, Problem> {
        match format {
            v1::ExportFormat::Csv => Ok(Self::Csv),
            v1::ExportFormat::Jsonl => Ok(Self::Jsonl),
            v1::ExportFormat::Unspecified => Err(lacking("export.format")()),
        }
    }
}

impl TryFrom<v1::ExportState> for ExportState {
    type Error = Problem;

    fn try_from(state: v1::ExportState) -> Result<Self, Problem> {
        match state {
            v1::ExportState::Queued => Ok(Self::Queued),
            v1::ExportState::Running => Ok(Self::Running),
            v1::ExportState::Succeeded => Ok(Self::Succeeded),
            v1::ExportState::Failed => Ok(Self::Failed),
            v1::ExportState::Cancelled => Ok(Self::Cancelled),
            v1::ExportState::Unspecified => Err(lacking("export.state")()),
        }
    }
}

impl TryFrom<v1::Export> for Export {
    type Error = Problem;

    fn try_from(export: v1::Export) -> Result<Self, Problem> {
        let status = match export.status() {
            v1::OrderStatus::Unspecified => None,
            status => Some(status.try_into()?),
        };
        let complete = export.state() == v1::ExportState::Succeeded;
        Ok(Self {
            format: export.format().try_into()?,
            status,
            state: export.state().try_into()?,
            download_url: complete.then(|| format!("/v1/exports/{}/file", export.id)),
            id: export.id,
            resource: export.resource,
            progress: Progress { done: export.orders_done, total: export.orders_total },
            size_bytes: export.size_bytes,
            created_at: export.created_at.ok_or_else(lacking("export.created_at"))?,
            finished_at: export.finished_at,
            expires_at: export.expires_at,
            job_id: export.job_id,
            failure: known(export.failure),
        })
    }
}
