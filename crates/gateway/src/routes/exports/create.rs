//! Having an export written.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Export, ExportFormat};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, lacking, private, write};
use crate::openapi::{BODY, CALLER, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::orders::OrderStatus;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::IdempotencyKeyReused, Code::LimitExceeded]);

/// What to export.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateExport {
    /// `orders`.
    #[schema(example = "orders")]
    resource: String,
    format: ExportFormat,
    /// Only orders in this status; all when absent.
    status: Option<OrderStatus>,
}

/// Export orders
///
/// Begins to write a file with all of the tenant's orders, in the order of their numbers; orders that are placed meanwhile
/// are left out. In CSV, text that a spreadsheet would take for a formula has an apostrophe before it.
#[utoipa::path(
    tag = "exports",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = CreateExport,
    responses(
        (status = 202, description = "The export, which is being written.", body = Export, headers(
            ("Location" = String, description = "Where to see how far it is."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[post("/v1/exports")]
pub(crate) async fn create_export(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(CreateExport { resource, format, status }): Body<CreateExport>,
) -> Result<HttpResponse, Problem> {
    let message = v1::CreateExportRequest {
        resource,
        format: v1::ExportFormat::from(format).into(),
        status: status.map_or(v1::OrderStatus::Unspecified, Into::into).into(),
        idempotency_key,
    };
    let request = clients.of(&caller, message);
    let answer = clients.answer(clients.exports().create_export(request)).await?;
    let export = Export::try_from(answer.export.ok_or_else(lacking("export"))?)?;
    let mut response = private(StatusCode::ACCEPTED);
    response.insert_header((LOCATION, format!("/v1/exports/{}", export.id)));
    write(response, &export)
}
