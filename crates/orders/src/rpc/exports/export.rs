//! Converting exports from and to messages.

use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::orders::v1;

use crate::domain::{Export, ExportFormat, ExportStatus};

impl From<Export> for v1::Export {
    fn from(export: Export) -> Self {
        let complete = export.status == ExportStatus::Succeeded;
        Self {
            id: export.id.to_string(),
            resource: export.resource,
            format: v1::ExportFormat::from(export.format).into(),
            order_status: export
                .order_status
                .map_or(v1::OrderStatus::Unspecified, v1::OrderStatus::from)
                .into(),
            status: v1::ExportStatus::from(export.status).into(),
            progress: Some(v1::ExportProgress { done: export.orders_done, total: export.orders_total }),
            download_url: if complete { format!("/v1/exports/{}/file", export.id) } else { String::new() },
            size_bytes: export.size_bytes,
            created_at: Some(timestamp(export.created_at)),
            finished_at: export.finished_at.map(timestamp),
            expires_at: export.expires_at.map(timestamp),
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

impl From<ExportStatus> for v1::ExportStatus {
    fn from(status: ExportStatus) -> Self {
        match status {
            ExportStatus::Queued => Self::Queued,
            ExportStatus::Running => Self::Running,
            ExportStatus::Succeeded => Self::Succeeded,
            ExportStatus::Failed => Self::Failed,
            ExportStatus::Cancelled => Self::Cancelled,
        }
    }
}
