//! Replacing an endpoint's key.

use actix_web::http::StatusCode;
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
use crate::json::{Body, lacking, present, private, write};
use crate::openapi::{BODY, CALLER, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::IdempotencyKeyReused, Code::WebhookEndpointNotFound]);

/// How the key is replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotateWebhookSecret {
    /// How long the present key goes on signing beside the new one, in seconds: at most seven days; 0 ends it at once. A day when
    /// absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, minimum = 0, maximum = 604_800, example = 86_400)]
    overlap_seconds: Option<i32>,
}

/// Rotate a webhook endpoint's secret
///
/// Makes a new key. Until `previous_secret_expires_at`, `webhook-signature` has two signatures, separated by a space: the
/// first by the new key, the second by the one before. A key from before that one signs no more, so send an
/// `Idempotency-Key`: repeated without one, the call replaces the key that nobody has seen, and ends the one that is in use.
#[utoipa::path(
    tag = "webhooks",
    params(
        TenantIdHeader,
        IdempotencyKeyHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    request_body = RotateWebhookSecret,
    responses((status = 200, description = "The endpoint, and its new key.", body = NewWebhookEndpoint), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/webhook-endpoints/{id}/rotate-secret")]
pub(crate) async fn rotate_webhook_secret(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(RotateWebhookSecret { overlap_seconds }): Body<RotateWebhookSecret>,
) -> Result<HttpResponse, Problem> {
    let request =
        clients.of(&caller, v1::RotateWebhookSecretRequest { id, overlap_seconds, idempotency_key });
    let answer = clients.answer(clients.webhooks().rotate_webhook_secret(request)).await?;
    let webhook_endpoint: WebhookEndpoint =
        answer.webhook_endpoint.ok_or_else(lacking("webhook_endpoint"))?.try_into()?;
    write(private(StatusCode::OK), &NewWebhookEndpoint { webhook_endpoint, secret: answer.secret })
}
