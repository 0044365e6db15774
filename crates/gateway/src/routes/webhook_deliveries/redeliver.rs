//! Sending an event once more.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;

use super::WebhookDelivery;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::WebhookDeliveryNotFound]);

/// Repeat a webhook delivery
///
/// Sends the event once more, with the same `webhook-id`, whether it was delivered or given up. One that is pending is
/// tried at once, and with it what is pending for the same endpoint and order from before: until that has arrived or was given
/// up, nothing later of the order is sent.
#[utoipa::path(
    tag = "webhooks",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 202, description = "The delivery, which is pending again.", body = WebhookDelivery), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/webhook-deliveries/{id}/redeliver")]
pub(crate) async fn redeliver_webhook_delivery(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::RedeliverWebhookDeliveryRequest { id });
    let answer = clients.answer(clients.webhooks().redeliver_webhook_delivery(request)).await?;
    let delivery = answer.webhook_delivery.ok_or_else(lacking("webhook_delivery"))?;
    write(private(StatusCode::ACCEPTED), &WebhookDelivery::try_from(delivery)?)
}
