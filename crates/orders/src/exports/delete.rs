//! Removing exports that nobody can fetch any more.

use rowhouse_jobs::{Class, EnqueueError, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::TenantTx;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::export_chunks::delete_chunks;
use crate::store::export_drafts::delete_expired;
use crate::store::exports::expiry;

/// How many chunks go in one transaction.
const BATCH: i64 = 100;

/// Removes the file of an export that has ended without success, or has expired; and the export, when it has expired.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DeleteExport {
    pub(crate) export_id: Uuid,
}

impl Job for DeleteExport {
    const KIND: &'static str = "export.delete";
    const CLASS: Class = Class::Maintenance;
}

/// Does [`DeleteExport`].
pub(crate) struct Deleting;

impl DeleteExport {
    /// Has it done when the export has expired. It is one that has ended.
    pub(crate) async fn enqueue_at_expiry(self, tx: &mut TenantTx) -> Result<(), EnqueueError> {
        if let Some(expires_at) = expiry(tx, self.export_id).await? {
            rowhouse_jobs::enqueue(tx, NewJob::new(self).at(expires_at)).await?;
        }
        Ok(())
    }
}

impl Handler<DeleteExport> for Deleting {
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
