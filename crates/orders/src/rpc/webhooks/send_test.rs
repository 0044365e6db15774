//! Sending an endpoint an event that is about nothing, to see whether it arrives.

use rowhouse_chassis::error::Violations;
use rowhouse_proto::orders::v1::{SendTestWebhookRequest, SendTestWebhookResponse};
use rowhouse_tokens::Permission;
use tonic::Request;

use super::endpoint::parse_id;
use super::{WebhookRpc, authorize};
use crate::error::Error;
use crate::store::webhook_endpoints::find_endpoint;
use crate::store::webhook_log::find_delivery;
use crate::webhooks::{self, try_endpoint_now};

/// It goes the way of every event. If the endpoint is paused, it is tried now.
pub(super) async fn send_test(
    rpc: &WebhookRpc,
    request: &Request<SendTestWebhookRequest>,
) -> Result<SendTestWebhookResponse, Error> {
    let cx = authorize(request, Permission::WebhooksManage)?;
    let mut violations = Violations::default();
    let Some(id) = violations.check("id", parse_id(&request.get_ref().id)) else {
        return Err(violations.into());
    };
    let delivery = rpc.db.tx(&cx, "webhook_endpoints.test", async |tx| {
        let endpoint = find_endpoint(tx, id).await?.ok_or(Error::EndpointNotFound)?;
        if !endpoint.enabled {
            return Err(Error::EndpointDisabled);
        }
        let delivery = webhooks::send_test(tx, id).await?;
        try_endpoint_now(tx, id).await?;
        find_delivery(tx, delivery).await?.ok_or(Error::DeliveryNotFound)
    });
    Ok(SendTestWebhookResponse { webhook_delivery: Some(delivery.await?.into()) })
}
