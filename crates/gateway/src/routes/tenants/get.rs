//! Looking at a tenant.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::onboarding::v1;

use super::Tenant;
use crate::caller::Viewer;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::TenantNotFound]);

/// Get a tenant
///
/// The one that the token names: an access token, or the status token of a tenant that is being set up.
#[utoipa::path(
    tag = "tenants",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5d-ac96-774b-bcce-b302099a8057"),
    ),
    responses((status = 200, description = "The tenant.", body = Tenant), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/tenants/{id}")]
pub(crate) async fn get_tenant(
    viewer: Viewer,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of_viewer(&viewer, v1::GetTenantRequest { id });
    let answer = clients.answer(clients.onboarding().get_tenant(request)).await?;
    write(private(StatusCode::OK), &Tenant::try_from(answer.tenant.ok_or_else(lacking("tenant"))?)?)
}
