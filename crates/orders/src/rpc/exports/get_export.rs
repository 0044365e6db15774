//! The method that returns an export.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{GetExportRequest, GetExportResponse, error_code};
use tonic::Request;

use super::ExportRpc;
use crate::error::Error;
use crate::store::exports::find_export;

pub(super) async fn get_export(
    rpc: &ExportRpc,
    request: &Request<GetExportRequest>,
) -> Result<GetExportResponse, Error> {
    let cx = context(request)?;
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(&request.get_ref().id)).ok_or(violations)?;
    let export =
        rpc.db.read(&cx, "exports.get", async |tx| Ok::<_, Error>(find_export(tx, id).await?)).await?;
    Ok(GetExportResponse { export: Some(export.ok_or(Error::Missing(error_code::EXPORT_NOT_FOUND))?.into()) })
}
