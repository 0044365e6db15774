//! The method that lists deliveries, newest first.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse};
use tonic::Request;
use uuid::Uuid;

use super::WebhookRpc;
use super::delivery::parse_status;
use crate::error::Error;
use crate::store::webhook_log::{self, DeliveryFilter};

pub(super) async fn list_deliveries(
    rpc: &WebhookRpc,
    request: &Request<ListWebhookDeliveriesRequest>,
) -> Result<ListWebhookDeliveriesResponse, Error> {
    let cx = context(request)?;
    let (filter, page) = parse(request.get_ref())?;
    let found = rpc.db.read(&cx, "webhook_deliveries.list", async |tx| {
        Ok::<_, Error>(webhook_log::list_deliveries(tx, &filter, &page).await?)
    });
    let (deliveries, next_page_token) = page.cut(found.await?, |delivery| delivery.id);
    let webhook_deliveries = deliveries.into_iter().map(Into::into).collect();
    Ok(ListWebhookDeliveriesResponse { webhook_deliveries, next_page_token })
}

fn parse(request: &ListWebhookDeliveriesRequest) -> Result<(DeliveryFilter, PageRequest<Uuid>), Error> {
    let ListWebhookDeliveriesRequest { page_size, page_token, webhook_endpoint_id, status } = request;
    let mut violations = Violations::default();
    let list = format!("webhook_deliveries {webhook_endpoint_id} {status}");
    let page = PageRequest::parse(*page_size, page_token, &list, &mut violations);
    let endpoint = (!webhook_endpoint_id.is_empty()).then(|| parse_id(webhook_endpoint_id)).transpose();
    let endpoint = violations.check("webhook_endpoint_id", endpoint);
    let status = violations.check("status", parse_status(*status));
    match (endpoint, status, page) {
        (Some(endpoint), Some(status), Some(page)) => Ok((DeliveryFilter { endpoint, status }, page)),
        _ => Err(violations.into()),
    }
}
