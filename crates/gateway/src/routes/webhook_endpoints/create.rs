//! Registering an endpoint.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NewWebhookEndpoint, WebhookEndpoint};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, lacking, private, write};
use crate::openapi::{BODY, CALLER, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::IdempotencyKeyReused, Code::LimitExceeded, Code::UrlNotAllowed]);

/// Where to send what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateWebhookEndpoint {
    /// https, without user and password. Addresses inside private networks are refused, also those that a name leads to.
    #[schema(format = "uri", example = "https://acme.example/hooks/orders")]
    url: String,
    /// `order.created`, `order.updated`; or `*`, which is all of them.
    #[schema(min_items = 1, example = json!(["order.created"]))]
    events: Vec<String>,
}

/// Register a webhook endpoint
///
/// Events are sent at least once, those of one order in their order, by POST with the headers `webhook-id`,
/// `webhook-timestamp` and `webhook-signature` of [Standard Webhooks](https://www.standardwebhooks.com). Any answer of 2xx
/// within some seconds counts as received; otherwise the event is sent again, less and less often, for about a day; `Retry-After`,
/// in seconds or as a date, is kept. An endpoint that fails again and again is paused, and tried with one event at the end of each
/// pause; when that is received, all that waits follows. After five days of nothing but failures it is disabled.
#[utoipa::path(
    tag = "webhooks",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = CreateWebhookEndpoint,
    responses(
        (status = 201, description = "The endpoint, and its key.", body = NewWebhookEndpoint, headers(
            ("Location" = String, description = "Where the endpoint can be changed and deleted."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[post("/v1/webhook-endpoints")]
pub(crate) async fn create_webhook_endpoint(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(CreateWebhookEndpoint { url, events }): Body<CreateWebhookEndpoint>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::CreateWebhookEndpointRequest { url, events, idempotency_key });
    let answer = clients.answer(clients.webhooks().create_webhook_endpoint(request)).await?;
    let webhook_endpoint: WebhookEndpoint =
        answer.webhook_endpoint.ok_or_else(lacking("webhook_endpoint"))?.try_into()?;
    let mut response = private(StatusCode::CREATED);
    response.insert_header((LOCATION, format!("/v1/webhook-endpoints/{}", webhook_endpoint.id)));
    write(response, &NewWebhookEndpoint { webhook_endpoint, secret: answer.secret })
}
