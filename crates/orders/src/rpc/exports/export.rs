//! Exports on the wire.

use std::time::SystemTime;

use rowhouse_proto::orders::v1;
use uuid::Uuid;

use crate::domain::{Export, ExportFormat, ExportState};

impl From<Export> for v1::Export {
    fn from(export: Export) -> Self {
        Self {
            id: export.id.to_string(),
            resource: export.resource,
            format: v1::ExportFormat::from(export.format).into(),
            status: export.status.map_or(v1::OrderStatus::Unspecified, v1::OrderStatus::from).into(),
            state: v1::ExportState::from(export.state).into(),
            orders_done: export.orders_done,
            orders_total: export.orders_total,
            size_bytes: export.size_bytes,
            created_at: Some(SystemTime::from(export.created_at).into()),
            finished_at: export.finished_at.map(|at| SystemTime::from(at).into()),
            expires_at: export.expires_at.map(|at| SystemTime::from(at).into()),
            job_id: export.job_id.to_string(),
            failure: export.failure.unwrap_or_default(),
        }
    }
}

impl From<ExportFormat> for v1::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Csv => Self::Csv,
            ExportFormat::JsonLines => Self::Jsonl,
        }
    }
}

impl From<ExportState> for v1::ExportState {
    fn from(state: ExportState) -> Self {
        match state {
            ExportState::Queued => Self::Queued,
            ExportState::Running => Self::Running,
            ExportState::Succeeded => Self::Succeeded,
            ExportState::Failed => Self::Failed,
            ExportState::Cancelled => Self::Cancelled,
        }
    }
}

/// The text is not a UUID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send the id of an export, a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(super) struct InvalidId;

pub(super) fn parse_id(text: &str) -> Result<Uuid, InvalidId> {
    Uuid::try_parse(text).or(Err(InvalidId))
}
