//! The deletion of expired and failed exports.

use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::TenantTx;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::export_chunks::delete_chunks;
use crate::store::export_drafts::delete_expired;
use crate::store::exports::expiry;

/// The number of chunks in one transaction.
const BATCH: i64 = 100;

/// Deletes the file of an export that failed or expired, and the row of an expired one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DeleteExport {
    pub(crate) export_id: Uuid,
}

impl Job for DeleteExport {
    const KIND: &'static str = "export.delete";
    const CLASS: Class = Class::Maintenance;
}

/// The handler of [`DeleteExport`].
pub(crate) struct DeleteExportHandler;

impl DeleteExport {
    /// Enqueues the deletion for the time when the export expires. The export must have ended.
    pub(crate) async fn enqueue_at_expiry(self, tx: &mut TenantTx) -> Result<(), EnqueueError> {
        if let Some(expires_at) = expiry(tx, self.export_id).await? {
            rowhouse_jobs::enqueue(tx, NewJob::new(self).at(expires_at)).await?;
        }
        Ok(())
    }
}

impl Handler<DeleteExport> for DeleteExportHandler {
    async fn run(&self, run: &Run, job: DeleteExport) -> Result<(), Failure> {
        loop {
            let deleted = run.tx("exports.delete_chunks", async |tx| {
                Ok::<_, Failure>(delete_chunks(tx, job.export_id, BATCH).await?)
            });
            if deleted.await? == 0 {
                break;
            }
        }
        run.complete("exports.delete", async |tx| {
            if delete_expired(tx, job.export_id).await? {
                return Ok(());
            }
            job.enqueue_at_expiry(tx).await.map_err(Failure::from)
        })
        .await
    }
}
