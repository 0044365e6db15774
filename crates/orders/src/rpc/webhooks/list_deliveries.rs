//! Looking at what was sent, newest first.

use rowhouse_chassis::access::authorize;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse};
use rowhouse_tokens::Permission;
use tonic::Request;

use super::WebhookRpc;
use super::delivery::parse_state;
use super::page::PageRequest;
use crate::error::Error;
use crate::store::webhook_log::{self, DeliveryFilter};

pub(super) async fn list_deliveries(
    rpc: &WebhookRpc,
    request: &Request<ListWebhookDeliveriesRequest>,
) -> Result<ListWebhookDeliveriesResponse, Error> {
    let cx = authorize(request, Permission::WebhooksManage)?;
    let (filter, page) = parse(request.get_ref())?;
    let found = rpc.db.tx(&cx, "webhook_deliveries.list", async |tx| {
        Ok::<_, Error>(webhook_log::list_deliveries(tx, &filter, page.size, page.before).await?)
    });
    let (deliveries, next_page_token) = page.cut(found.await?, &list(&filter), |delivery| delivery.id);
    let webhook_deliveries = deliveries.into_iter().map(Into::into).collect();
    Ok(ListWebhookDeliveriesResponse { webhook_deliveries, next_page_token })
}

fn parse(request: &ListWebhookDeliveriesRequest) -> Result<(DeliveryFilter, PageRequest), Error> {
    let ListWebhookDeliveriesRequest { page_size, page_token, webhook_endpoint_id, state } = request;
    let mut violations = Violations::default();
    let endpoint = (!webhook_endpoint_id.is_empty()).then(|| parse_id(webhook_endpoint_id)).transpose();
    let endpoint = violations.check("webhook_endpoint_id", endpoint);
    let state = violations.check("state", parse_state(*state));
    let (Some(endpoint), Some(state)) = (endpoint, state) else { return Err(violations.into()) };
    let filter = DeliveryFilter { endpoint, state };
    match PageRequest::parse(*page_size, page_token, &list(&filter), &mut violations) {
        Some(page) => Ok((filter, page)),
        None => Err(violations.into()),
    }
}

/// The name of the list that a page token is of.
fn list(DeliveryFilter { endpoint, state }: &DeliveryFilter) -> String {
    let endpoint = endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default();
    format!("webhook_deliveries {endpoint} {}", state.unwrap_or_default())
}
