//! Changing an endpoint.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, patch, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::WebhookEndpoint;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, lacking, present, private, write};
use crate::openapi::{BODY, CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::WebhookEndpointNotFound, Code::UrlNotAllowed]);

/// What is absent stays as it is. One of them has to be there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateWebhookEndpoint {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, format = "uri", example = "https://acme.example/hooks/orders")]
    url: Option<String>,
    /// `order.created`, `order.updated`; or `*`, which is all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_items = 1, example = json!(["*"]))]
    events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, example = false)]
    enabled: Option<bool>,
}

/// Change a webhook endpoint
#[utoipa::path(
    tag = "webhooks",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    request_body = UpdateWebhookEndpoint,
    responses((status = 200, description = "The endpoint as it is now.", body = WebhookEndpoint), Problems),
    security(("bearer" = [])),
)]
#[patch("/v1/webhook-endpoints/{id}")]
pub(crate) async fn update_webhook_endpoint(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
    Body(UpdateWebhookEndpoint { url, events, enabled }): Body<UpdateWebhookEndpoint>,
) -> Result<HttpResponse, Problem> {
    if events.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::invalid("events", "send at least one event, or leave it out"));
    }
    let events = events.unwrap_or_default();
    let request = clients.of(&caller, v1::UpdateWebhookEndpointRequest { id, url, events, enabled });
    let answer = clients.answer(clients.webhooks().update_webhook_endpoint(request)).await?;
    let endpoint = answer.webhook_endpoint.ok_or_else(lacking("webhook_endpoint"))?;
    write(private(StatusCode::OK), &WebhookEndpoint::try_from(endpoint)?)
}
