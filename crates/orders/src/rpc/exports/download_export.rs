//! The method that downloads an export's file.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use rowhouse_chassis::access::context;
use rowhouse_chassis::error::{IntoStatus, Violations};
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{DownloadExportRequest, DownloadExportResponse, error_code};
use rowhouse_tenancy::{TenantContext, TenantDb};
use tonic::{Request, Status};
use uuid::Uuid;

use super::ExportRpc;
use crate::domain::{Export, ExportStatus};
use crate::error::Error;
use crate::store::export_chunks::find_chunk;
use crate::store::exports::find_export;

/// The pieces of a file. Each is read in a transaction of its own when the caller has received the one before. So a
/// slow caller occupies memory for one piece and no connection, and gets no further piece after losing access.
pub(super) type Pieces = BoxStream<'static, Result<DownloadExportResponse, Status>>;

pub(super) async fn download_export(
    rpc: &ExportRpc,
    request: &Request<DownloadExportRequest>,
) -> Result<Pieces, Error> {
    let cx = context(request)?;
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(&request.get_ref().id)).ok_or(violations)?;
    let found = rpc.db.tx(&cx, "exports.download", async |tx| Ok::<_, Error>(find_export(tx, id).await?));
    let export = found.await?.ok_or(Error::Missing(error_code::EXPORT_NOT_FOUND))?;
    if export.status != ExportStatus::Succeeded {
        return Err(Error::ExportNotReady(export.status));
    }
    let (count, reader) = (export.chunk_count, Reader { db: rpc.db.clone(), cx, id });
    let pieces = stream::try_unfold((reader, 0, Some(export)), move |(reader, position, first)| async move {
        if position >= count && first.is_none() {
            return Ok(None);
        }
        let piece = reader.piece(position, count, first).await;
        let piece = piece.map_err(|error| error.into_status("exports.download"))?;
        Ok(Some((piece, (reader, position.saturating_add(1), None))))
    });
    Ok(pieces.boxed())
}

struct Reader {
    db: TenantDb,
    cx: TenantContext,
    id: Uuid,
}

impl Reader {
    async fn piece(
        &self,
        position: i32,
        count: i32,
        export: Option<Export>,
    ) -> Result<DownloadExportResponse, Error> {
        let data = if position < count {
            let found = self.db.tx(&self.cx, "exports.read_chunk", async |tx| {
                Ok::<_, Error>(find_chunk(tx, self.id, position).await?)
            });
            found.await?.ok_or(Error::Missing(error_code::EXPORT_NOT_FOUND))?
        } else {
            Vec::new()
        };
        Ok(DownloadExportResponse { export: export.map(Into::into), data })
    }
}
