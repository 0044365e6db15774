//! Deleting an API key.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::private;
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::ApiKeyNotFound]);

/// Delete an API key
///
/// Its access tokens end at once.
#[utoipa::path(
    tag = "api-keys",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-1f2a-7a40-9c1e-2d3f4a5b6c7d"),
    ),
    responses((status = 204, description = "The key is not good any more."), Problems),
    security(("bearer" = [])),
)]
#[delete("/v1/api-keys/{id}")]
pub(crate) async fn delete_api_key(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DeleteApiKeyRequest { id });
    clients.answer(clients.api_keys().delete_api_key(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
