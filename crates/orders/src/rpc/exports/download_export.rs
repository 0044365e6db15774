//! The method that downloads an export's file.

use bytes::Bytes;
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

/// The bytes of a piece. A reader is taken for gone that takes none for a while, so a slow one has to get short ones.
const PIECE: usize = 64 * 1024;

/// The pieces of a file. It is read chunk by chunk, each in a transaction of its own when the caller has received those before. So a
/// slow caller occupies memory for one chunk and no connection, and gets no further chunk after losing access.
pub(super) type Pieces = BoxStream<'static, Result<DownloadExportResponse, Status>>;

pub(super) async fn download_export(
    rpc: &ExportRpc,
    request: &Request<DownloadExportRequest>,
) -> Result<Pieces, Error> {
    let cx = context(request)?;
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(&request.get_ref().id)).ok_or(violations)?;
    let found = rpc.db.read(&cx, "exports.download", async |tx| Ok::<_, Error>(find_export(tx, id).await?));
    let export = found.await?.ok_or(Error::Missing(error_code::EXPORT_NOT_FOUND))?;
    if export.status != ExportStatus::Succeeded {
        return Err(Error::ExportNotReady(export.status));
    }
    let (count, db) = (export.chunk_count, rpc.db.clone());
    let download = Download { db, cx, id, export: Some(export), count, position: 0, chunk: Bytes::new() };
    let pieces = stream::try_unfold(download, |mut download| async move {
        let piece = download.next().await.map_err(|error| error.into_status("exports.download"))?;
        Ok(piece.map(|piece| (piece, download)))
    });
    Ok(pieces.boxed())
}

struct Download {
    db: TenantDb,
    cx: TenantContext,
    id: Uuid,
    /// The export, until the first piece.
    export: Option<Export>,
    /// The number of chunks, and of those that were read.
    count: i32,
    position: i32,
    /// The rest of the last one.
    chunk: Bytes,
}

impl Download {
    /// Returns the next piece. There is a first one, also of an empty file.
    async fn next(&mut self) -> Result<Option<DownloadExportResponse>, Error> {
        while self.chunk.is_empty() && self.position < self.count {
            let found = self.db.read(&self.cx, "exports.read_chunk", async |tx| {
                Ok::<_, Error>(find_chunk(tx, self.id, self.position).await?)
            });
            self.chunk = found.await?.ok_or(Error::Missing(error_code::EXPORT_NOT_FOUND))?.into();
            self.position = self.position.saturating_add(1);
        }
        let (export, piece) = (self.export.take(), self.chunk.split_to(self.chunk.len().min(PIECE)));
        let is_some = export.is_some() || !piece.is_empty();
        Ok(is_some.then(|| DownloadExportResponse { export: export.map(Into::into), data: piece.to_vec() }))
    }
}
