//! Seeing whether an endpoint takes what it is sent.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;
use crate::routes::webhook_deliveries::WebhookDelivery;

problems!(Problems: UPSTREAM, CALLER, &[Code::IdempotencyKeyReused, Code::WebhookEndpointNotFound, Code::WebhookEndpointDisabled]);

/// Send a test event
///
/// Sends the event `webhook.test`, which is about no order, on the way that every event takes: signed, and tried again if it is
/// not received. What came of it is told by the list of deliveries. An endpoint that is paused is tried at once.
#[utoipa::path(
    tag = "webhooks",
    params(
        TenantIdHeader,
        IdempotencyKeyHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 202, description = "The delivery, which is pending.", body = WebhookDelivery), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/webhook-endpoints/{id}/test")]
pub(crate) async fn send_test_webhook(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::SendTestWebhookRequest { id, idempotency_key });
    let answer = clients.answer(clients.webhooks().send_test_webhook(request)).await?;
    let delivery = answer.webhook_delivery.ok_or_else(lacking("webhook_delivery"))?;
    write(private(StatusCode::ACCEPTED), &WebhookDelivery::try_from(delivery)?)
}
