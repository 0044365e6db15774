//! Downloading an export.

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ContentEncoding};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, stream};
use rowhouse_catalog::ServiceName;
use rowhouse_proto::orders::v1;
use rowhouse_proto::orders::v1::export_service_client::ExportServiceClient;

use crate::caller::Caller;
use crate::clients::{Clients, repeatable_if};
use crate::error::Problem;
use crate::json::{required_message, uncached_response};
use crate::query::NoQuery;
use crate::routes::path_value;

/// Download an export
///
/// The file, as an attachment. If it ends early, so does the connection.
pub(crate) async fn download_export(
    caller: Caller,
    _: NoQuery,
    request: HttpRequest,
    clients: Clients,
) -> Result<HttpResponse, Problem> {
    let message = v1::DownloadExportRequest { id: path_value(&request, "id") };
    let mut client = ExportServiceClient::new(clients.channel(ServiceName::Orders));
    let call = repeatable_if(true, clients.of(&caller, message));
    let mut pieces = clients.answer(client.download_export(call)).await?;
    let first = clients.next(&mut pieces).await?;
    let first = required_message("DownloadExportResponse", first.as_ref())?;
    let export = required_message("DownloadExportResponse.export", first.export.as_ref())?;
    let (content_type, extension) = match export.format() {
        v1::ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        v1::ExportFormat::Jsonl => ("application/jsonl", "jsonl"),
        v1::ExportFormat::Unspecified => return Err(Problem::internal()),
    };
    let size = u64::try_from(export.size_bytes).or(Err(Problem::internal()))?;
    // A piece is asked for when the one before is on its way. An error in the middle closes the connection before the
    // announced length is reached, so that nobody takes the part for the whole.
    let rest = stream::try_unfold((clients, pieces), |(clients, mut pieces)| async move {
        let piece = clients.next(&mut pieces).await?;
        Ok::<_, Problem>(piece.map(|piece| (Bytes::from(piece.data), (clients, pieces))))
    });
    let body = stream::iter([Ok(Bytes::from(first.data.clone()))]).chain(rest);
    Ok(uncached_response(StatusCode::OK)
        .insert_header((CONTENT_TYPE, content_type))
        // Compressed, its length could not be announced.
        .insert_header((CONTENT_ENCODING, ContentEncoding::Identity))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}-{}.{extension}\"", export.resource, export.id),
        ))
        .body(SizedStream::new(size, Box::pin(body))))
}
