//! Looking how far an export is.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;

use super::Export;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::ExportNotFound]);

/// Get an export
#[utoipa::path(
    tag = "exports",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 200, description = "The export.", body = Export), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/exports/{id}")]
pub(crate) async fn get_export(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::GetExportRequest { id });
    let answer = clients.answer(clients.exports().get_export(request)).await?;
    write(private(StatusCode::OK), &Export::try_from(answer.export.ok_or_else(lacking("export"))?)?)
}
