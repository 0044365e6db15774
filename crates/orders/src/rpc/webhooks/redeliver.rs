//! The method that repeats a delivery.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{
    RedeliverWebhookDeliveryRequest, RedeliverWebhookDeliveryResponse, error_code,
};
use tonic::Request;

use super::WebhookRpc;
use crate::error::Error;
use crate::store::webhook_health::try_now;
use crate::store::webhook_log::{find_delivery, make_earlier_due, reset_delivery};
use crate::webhooks::{lock_jobs, look_at_all, probe_now};

/// Makes an ended delivery pending again, and tries the pending deliveries of the same order to the endpoint up to it
/// at once. The job is written first, since a worker also locks it before a delivery. A paused endpoint is tried at
/// once.
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
        let found =
            find_delivery(tx, id).await?.ok_or(Error::Missing(error_code::WEBHOOK_DELIVERY_NOT_FOUND))?;
        let endpoint = found.webhook_endpoint_id;
        lock_jobs(tx, endpoint).await?;
        look_at_all(tx, endpoint).await?;
        probe_now(tx, endpoint).await?;
        reset_delivery(tx, id).await?;
        make_earlier_due(tx, id).await?;
        try_now(tx, endpoint).await?;
        find_delivery(tx, id).await?.ok_or(Error::Missing(error_code::WEBHOOK_DELIVERY_NOT_FOUND))
    });
    Ok(RedeliverWebhookDeliveryResponse { webhook_delivery: Some(delivery.await?.into()) })
}
