//! Deleting an endpoint.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::private;
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::WebhookEndpointNotFound]);

/// Delete a webhook endpoint
///
/// What was not delivered to it yet will not be.
#[utoipa::path(
    tag = "webhooks",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 204, description = "The endpoint is sent nothing any more."), Problems),
    security(("bearer" = [])),
)]
#[delete("/v1/webhook-endpoints/{id}")]
pub(crate) async fn delete_webhook_endpoint(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DeleteWebhookEndpointRequest { id });
    clients.answer(clients.webhooks().delete_webhook_endpoint(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
