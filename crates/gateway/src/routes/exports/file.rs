//! Downloading an export.

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures_util::{StreamExt, stream};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;

use super::ExportFormat;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::ExportNotFound, Code::ExportNotReady]);

/// Download an export
///
/// The file, as an attachment. If it ends early, so does the connection.
#[utoipa::path(
    tag = "exports",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses(
        (status = 200, description = "The file.", headers(
            ("Content-Disposition" = String, description = "The file's name."),
        ), content((String = "text/csv"), (String = "application/jsonl"))),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[get("/v1/exports/{id}/file")]
pub(crate) async fn download_export(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DownloadExportRequest { id });
    let mut pieces = clients.answer(clients.exports().download_export(request)).await?;
    let first = clients.next(&mut pieces).await?.ok_or_else(lacking("export"))?;
    let export = first.export.ok_or_else(lacking("export"))?;
    let (content_type, extension) = match export.format().try_into()? {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Jsonl => ("application/jsonl", "jsonl"),
    };
    let size = u64::try_from(export.size_bytes).or(Err(Problem::internal()))?;
    // A piece is asked for when the one before is on its way. An error in the middle closes the connection before the
    // announced length is reached, so that nobody takes the part for the whole.
    let rest = stream::try_unfold((clients, pieces), |(clients, mut pieces)| async move {
        let piece = clients.next(&mut pieces).await?;
        Ok::<_, Problem>(piece.map(|piece| (Bytes::from(piece.data), (clients, pieces))))
    });
    let body = stream::iter([Ok(Bytes::from(first.data))]).chain(rest);
    Ok(private(StatusCode::OK)
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}-{}.{extension}\"", export.resource, export.id),
        ))
        .body(SizedStream::new(size, Box::pin(body))))
}
