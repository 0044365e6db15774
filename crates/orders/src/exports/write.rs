//! The job that writes an export's file.

use std::io;

use rowhouse_jobs::{Class, End, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::{DbError, TenantTx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Chunk, DeleteExport};
use crate::domain::Order;
use crate::store::export_chunks::insert_chunk;
use crate::store::export_drafts::{self, Draft, ExportOutcome};
use crate::store::orders::list_upwards;

/// The size in bytes at which a chunk ends, after a whole order.
const CHUNK: usize = 256 * 1024;
/// The number of orders in memory.
const READ_AT_ONCE: i64 = 100;

/// Writes an export's file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct WriteExport {
    pub(crate) export_id: Uuid,
}

impl Job for WriteExport {
    const KIND: &'static str = "export.write";
    const CLASS: Class = Class::Interactive;
    const CANCELLABLE: bool = true;
}

/// The handler of [`WriteExport`].
pub(crate) struct WriteExportHandler;

impl Handler<WriteExport> for WriteExportHandler {
    async fn run(&self, run: &Run, WriteExport { export_id }: WriteExport) -> Result<(), Failure> {
        let begun =
            run.tx("exports.begin", async |tx| Ok::<_, Failure>(export_drafts::begin(tx, export_id).await?));
        let Some(mut draft) = begun.await? else {
            return Err(Failure::fatal("there is no such export any more"));
        };
        loop {
            let written = run.tx("exports.write_chunk", async |tx| {
                let draft = write_chunk(tx, draft).await?;
                run.progress(tx, draft.orders_done, draft.orders_total).await?;
                Ok::<_, Failure>(draft)
            });
            draft = written.await?;
            if draft.is_complete() {
                break;
            }
        }
        run.complete("exports.finish", async |tx| {
            export_drafts::finish(tx, export_id, &ExportOutcome::Succeeded).await?;
            DeleteExport { export_id }.enqueue_at_expiry(tx).await.map_err(Failure::from)
        })
        .await
    }

    async fn ended(
        &self,
        tx: &mut TenantTx,
        WriteExport { export_id }: WriteExport,
        end: &End,
    ) -> Result<(), DbError> {
        let outcome = match end {
            End::Dead { reason } => ExportOutcome::Failed { reason },
            End::Cancelled => ExportOutcome::Cancelled,
        };
        export_drafts::finish(tx, export_id, &outcome).await?;
        // The file may be too large for one transaction.
        rowhouse_jobs::enqueue(tx, NewJob::new(DeleteExport { export_id })).await?;
        Ok(())
    }
}

/// Writes the next chunk and the new position.
async fn write_chunk(tx: &mut TenantTx, mut draft: Draft) -> Result<Draft, Failure> {
    let mut chunk = Chunk::new(draft.format, draft.chunk_count == 0).map_err(unwritable)?;
    while !draft.is_complete() && chunk.len() < CHUNK {
        let orders =
            list_upwards(tx, draft.done_number, draft.last_number, draft.order_status, READ_AT_ONCE).await?;
        append(&mut chunk, &mut draft, &orders).map_err(unwritable)?;
    }
    let data = chunk.into_bytes().map_err(unwritable)?;
    if !data.is_empty() {
        insert_chunk(tx, draft.id, draft.chunk_count, &data).await?;
        draft.chunk_count = draft.chunk_count.saturating_add(1);
        draft.size_bytes = draft.size_bytes.saturating_add(i64::try_from(data.len()).map_err(unwritable)?);
    }
    export_drafts::save(tx, &draft).await?;
    Ok(draft)
}

/// Appends orders to the chunk. Those that do not fit are read again for the next one.
fn append(chunk: &mut Chunk, draft: &mut Draft, orders: &[Order]) -> io::Result<()> {
    for order in orders {
        if chunk.len() >= CHUNK {
            return Ok(());
        }
        chunk.push(order)?;
        draft.add(order.number);
    }
    let read = i64::try_from(orders.len()).map_err(io::Error::other)?;
    if read < READ_AT_ONCE {
        draft.add_rest();
    }
    Ok(())
}

/// Converts an error of writing to memory, which does not occur.
fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::fatal(error)
}
