//! Sending an event once more.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{RedeliverWebhookDeliveryRequest, RedeliverWebhookDeliveryResponse};
use tonic::Request;

use super::WebhookRpc;
use crate::error::Error;
use crate::store::webhook_health::try_now;
use crate::store::webhook_log::{find_delivery, hurry_earlier, reset_delivery};
use crate::webhooks::{lock_jobs, look_at_all, probe_now};

/// What has ended is pending again, and what is pending for the endpoint of the order, up to it, is tried now. The job is
/// written first: a worker has it, too, before it touches a delivery. If the endpoint is paused, it is tried now.
pub(super) async fn redeliver(
    rpc: &WebhookRpc,
    request: &Request<RedeliverWebhookDeliveryRequest>,
) -> Result<RedeliverWebhookDeliveryResponse, Error> {
    let cx = context(request)?;
    let mut violations = Violations::default();
    let Some(id) = violations.check("id", parse_id(&request.get_ref().id)) else {
        return Err(violations.into());
    };
    let delivery = rpc.db.tx(&cx, "webhook_deliveries.redeliver", async |tx| {
        let found = find_delivery(tx, id).await?.ok_or(Error::DeliveryNotFound)?;
        let endpoint = found.webhook_endpoint_id;
        lock_jobs(tx, endpoint).await?;
        look_at_all(tx, endpoint).await?;
        probe_now(tx, endpoint).await?;
        reset_delivery(tx, id).await?;
        hurry_earlier(tx, id).await?;
        try_now(tx, endpoint).await?;
        find_delivery(tx, id).await?.ok_or(Error::DeliveryNotFound)
    });
    Ok(RedeliverWebhookDeliveryResponse { webhook_delivery: Some(delivery.await?.into()) })
}
