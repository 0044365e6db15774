//! Listing endpoints.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_proto::orders::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::WebhookEndpoint;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::Page;

problems!(Problems: UPSTREAM, CALLER);

/// A part of the endpoints, newest first.
#[derive(Serialize, ToSchema)]
struct WebhookEndpointPage {
    webhook_endpoints: Vec<WebhookEndpoint>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List webhook endpoints
#[utoipa::path(
    tag = "webhooks",
    params(TenantIdHeader, Page),
    responses((status = 200, description = "A page of endpoints.", body = WebhookEndpointPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/webhook-endpoints")]
pub(crate) async fn list_webhook_endpoints(
    caller: Caller,
    Page { page_size, page_token }: Page,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::ListWebhookEndpointsRequest { page_size, page_token });
    let answer = clients.answer(clients.webhooks().list_webhook_endpoints(request)).await?;
    let endpoints = answer.webhook_endpoints.into_iter().map(WebhookEndpoint::try_from);
    let webhook_endpoints = endpoints.collect::<Result<_, _>>()?;
    let next_page_token = answer.next_page_token;
    write(private(StatusCode::OK), &WebhookEndpointPage { webhook_endpoints, next_page_token })
}
