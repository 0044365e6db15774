//! Giving an endpoint up.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{DeleteWebhookEndpointRequest, DeleteWebhookEndpointResponse};
use tonic::Request;

use super::WebhookRpc;
use crate::error::Error;
use crate::store::webhook_endpoints;
use crate::webhooks::tidy_soon;

/// From now on it is sent nothing and shown nowhere. Its deliveries, of which there may be very many, are removed by a
/// job.
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
            // The job that tidies is locked before the endpoint, as it does itself.
            tidy_soon(tx).await?;
            if webhook_endpoints::delete_endpoint(tx, id).await? {
                Ok(())
            } else {
                Err(Error::EndpointNotFound)
            }
        })
        .await?;
    Ok(DeleteWebhookEndpointResponse {})
}
