//! The method that deletes an endpoint.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{DeleteWebhookEndpointRequest, DeleteWebhookEndpointResponse, error_code};
use tonic::Request;

use super::WebhookRpc;
use crate::error::Error;
use crate::store::webhook_endpoints;
use crate::webhooks::tidy_now;

/// Deletes an endpoint: it gets no further deliveries and is not shown any more. A job deletes its deliveries, of
/// which there may be very many.
pub(super) async fn delete_endpoint(
    rpc: &WebhookRpc,
    request: &Request<DeleteWebhookEndpointRequest>,
) -> Result<DeleteWebhookEndpointResponse, Error> {
    let cx = context(request)?;
    let mut violations = Violations::default();
    let Some(id) = violations.check("id", parse_id(&request.get_ref().id)) else {
        return Err(violations.into());
    };
    rpc.db
        .tx(&cx, "webhook_endpoints.delete", async |tx| {
            // The tidying job is locked before the endpoint, in the same order as the job itself does.
            tidy_now(tx).await?;
            if webhook_endpoints::delete_endpoint(tx, id).await? {
                Ok(())
            } else {
                Err(Error::Missing(error_code::WEBHOOK_ENDPOINT_NOT_FOUND))
            }
        })
        .await?;
    Ok(DeleteWebhookEndpointResponse {})
}
