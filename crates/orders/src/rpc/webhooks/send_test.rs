//! The method that sends a test event.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::idempotency::{Repeatable, answered_once};
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{SendTestWebhookRequest, SendTestWebhookResponse, error_code};
use rowhouse_tenancy::TenantContext;
use tonic::Request;
use uuid::Uuid;

use super::{WebhookRpc, repeatable};
use crate::error::Error;
use crate::store::idempotency_keys::{keep, recall};
use crate::store::webhook_endpoints::find_endpoint;
use crate::store::webhook_log::find_delivery;
use crate::webhooks::{self, lock_jobs};

/// Sends an endpoint a test event through the usual steps. A paused endpoint is tried at once.
pub(super) async fn send_test(
    rpc: &WebhookRpc,
    request: &Request<SendTestWebhookRequest>,
) -> Result<SendTestWebhookResponse, Error> {
    let cx = context(request)?;
    let SendTestWebhookRequest { id, idempotency_key } = request.get_ref();
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(id));
    let key = idempotency_key.as_ref().map(|key| key.parse()).transpose();
    let (Some(id), Some(key)) = (id, violations.check("idempotency_key", key)) else {
        return Err(violations.into());
    };
    let call = repeatable(&cx, key.as_ref(), "SendTestWebhook", id.as_bytes())?;
    answered_once(|| send(rpc, &cx, id, call.as_ref())).await
}

async fn send(
    rpc: &WebhookRpc,
    cx: &TenantContext,
    id: Uuid,
    call: Option<&Repeatable>,
) -> Result<SendTestWebhookResponse, Error> {
    rpc.db
        .tx(cx, "webhook_endpoints.test", async |tx| {
            if let Some(first) = recall(tx, &rpc.encryption, call).await? {
                return Ok(first);
            }
            let endpoint =
                find_endpoint(tx, id).await?.ok_or(Error::Missing(error_code::WEBHOOK_ENDPOINT_NOT_FOUND))?;
            if !endpoint.enabled {
                return Err(Error::EndpointDisabled);
            }
            lock_jobs(tx, id).await?;
            let delivery = webhooks::send_test(tx, id).await?;
            let delivery = find_delivery(tx, delivery)
                .await?
                .ok_or(Error::Missing(error_code::WEBHOOK_DELIVERY_NOT_FOUND))?;
            let answer = SendTestWebhookResponse { webhook_delivery: Some(delivery.into()) };
            keep(tx, &rpc.encryption, call, &answer).await?;
            Ok::<_, Error>(answer)
        })
        .await
}
