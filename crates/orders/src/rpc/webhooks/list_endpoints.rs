//! The method that lists endpoints, newest first.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_proto::orders::v1::{ListWebhookEndpointsRequest, ListWebhookEndpointsResponse};
use tonic::Request;

use super::WebhookRpc;
use crate::error::Error;
use crate::store::webhook_endpoints;

pub(super) async fn list_endpoints(
    rpc: &WebhookRpc,
    request: &Request<ListWebhookEndpointsRequest>,
) -> Result<ListWebhookEndpointsResponse, Error> {
    let cx = context(request)?;
    let ListWebhookEndpointsRequest { page_size, page_token } = request.get_ref();
    let mut violations = Violations::default();
    let page =
        PageRequest::parse(*page_size, page_token, "webhook_endpoints", &mut violations).ok_or(violations)?;
    let found = rpc.db.read(&cx, "webhook_endpoints.list", async |tx| {
        Ok::<_, Error>(webhook_endpoints::list_endpoints(tx, &page).await?)
    });
    let (endpoints, next_page_token) = page.cut(found.await?, |endpoint| endpoint.id);
    let webhook_endpoints = endpoints.into_iter().map(Into::into).collect();
    Ok(ListWebhookEndpointsResponse { webhook_endpoints, next_page_token })
}
