//! Webhooks as an administrator sees them.

use std::time::Duration;

use rowhouse_proto::orders::v1::webhook_service_client::WebhookServiceClient;
use rowhouse_proto::orders::v1::{
    CreateWebhookEndpointRequest, CreateWebhookEndpointResponse, DeleteWebhookEndpointRequest,
    ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse, ListWebhookEndpointsRequest,
    ListWebhookEndpointsResponse, RedeliverWebhookDeliveryRequest, RotateWebhookSecretRequest,
    RotateWebhookSecretResponse, SendTestWebhookRequest, UpdateWebhookEndpointRequest, WebhookDelivery,
    WebhookDeliveryStatus, WebhookEndpoint,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Role;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::Receiver;
use crate::world::World;

/// One caller's client of the service.
#[derive(Clone)]
pub(crate) struct Webhooks {
    client: WebhookServiceClient<Channel>,
    token: String,
}

impl Webhooks {
    pub(crate) async fn of(world: &World, tenant: TenantId, role: Role) -> Self {
        Self::at(world.endpoint(), world.token(tenant, role)).await
    }

    pub(crate) async fn at(endpoint: String, token: String) -> Self {
        Self { client: WebhookServiceClient::connect(endpoint).await.unwrap(), token }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    pub(crate) async fn create(
        &self,
        url: &str,
        events: &[&str],
    ) -> Result<CreateWebhookEndpointResponse, Status> {
        self.create_once(url, events, None).await
    }

    /// Creates an endpoint with an idempotency key.
    pub(crate) async fn create_once(
        &self,
        url: &str,
        events: &[&str],
        key: Option<&str>,
    ) -> Result<CreateWebhookEndpointResponse, Status> {
        let events = events.iter().map(|&event| event.to_owned()).collect();
        let (url, idempotency_key) = (url.to_owned(), key.map(str::to_owned));
        let message = CreateWebhookEndpointRequest { url, events, idempotency_key };
        Ok(self.client.clone().create_webhook_endpoint(self.request(message)).await?.into_inner())
    }

    /// Creates an endpoint that subscribes to all events. Returns its id and its secret.
    pub(crate) async fn register(&self, receiver: &Receiver) -> (String, String) {
        let created = self.create(&receiver.url, &["*"]).await.unwrap();
        (created.webhook_endpoint.unwrap().id, created.secret)
    }

    pub(crate) async fn endpoints(
        &self,
        message: ListWebhookEndpointsRequest,
    ) -> Result<ListWebhookEndpointsResponse, Status> {
        Ok(self.client.clone().list_webhook_endpoints(self.request(message)).await?.into_inner())
    }

    pub(crate) async fn update(
        &self,
        message: UpdateWebhookEndpointRequest,
    ) -> Result<WebhookEndpoint, Status> {
        let reply = self.client.clone().update_webhook_endpoint(self.request(message)).await?;
        Ok(reply.into_inner().webhook_endpoint.unwrap())
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Status> {
        let message = DeleteWebhookEndpointRequest { id: id.to_owned() };
        self.client.clone().delete_webhook_endpoint(self.request(message)).await.map(drop)
    }

    pub(crate) async fn list(
        &self,
        message: ListWebhookDeliveriesRequest,
    ) -> Result<ListWebhookDeliveriesResponse, Status> {
        Ok(self.client.clone().list_webhook_deliveries(self.request(message)).await?.into_inner())
    }

    /// Returns all deliveries, oldest first.
    pub(crate) async fn deliveries(&self) -> Vec<WebhookDelivery> {
        let mut deliveries = Vec::new();
        let mut page_token = String::new();
        loop {
            let next = ListWebhookDeliveriesRequest { page_size: 100, page_token, ..Default::default() };
            let page = self.list(next).await.unwrap();
            deliveries.extend(page.webhook_deliveries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                deliveries.reverse();
                return deliveries;
            }
        }
    }

    pub(crate) async fn redeliver(&self, id: &str) -> Result<WebhookDelivery, Status> {
        let message = RedeliverWebhookDeliveryRequest { id: id.to_owned() };
        let reply = self.client.clone().redeliver_webhook_delivery(self.request(message)).await?;
        Ok(reply.into_inner().webhook_delivery.unwrap())
    }

    pub(crate) async fn rotate(
        &self,
        id: &str,
        overlap_seconds: Option<i32>,
    ) -> Result<RotateWebhookSecretResponse, Status> {
        let message =
            RotateWebhookSecretRequest { id: id.to_owned(), overlap_seconds, idempotency_key: None };
        Ok(self.client.clone().rotate_webhook_secret(self.request(message)).await?.into_inner())
    }

    pub(crate) async fn test(&self, id: &str) -> Result<WebhookDelivery, Status> {
        let message = SendTestWebhookRequest { id: id.to_owned(), idempotency_key: None };
        let reply = self.client.clone().send_test_webhook(self.request(message)).await?;
        Ok(reply.into_inner().webhook_delivery.unwrap())
    }

    /// Waits until the deliveries satisfy a condition, and returns them, oldest first.
    pub(crate) async fn until(&self, is_so: impl Fn(&[WebhookDelivery]) -> bool) -> Vec<WebhookDelivery> {
        let reached = async {
            loop {
                let deliveries = self.deliveries().await;
                if is_so(&deliveries) {
                    return deliveries;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let Ok(deliveries) = tokio::time::timeout(Duration::from_secs(60), reached).await else {
            panic!("it did not come to that: {:#?}", self.deliveries().await)
        };
        deliveries
    }

    /// Waits until the deliveries are in these statuses, oldest first.
    pub(crate) async fn until_statuses(&self, statuses: &[WebhookDeliveryStatus]) -> Vec<WebhookDelivery> {
        let statuses = statuses.to_vec();
        self.until(|deliveries| deliveries.iter().map(WebhookDelivery::status).eq(statuses.iter().copied()))
            .await
    }
}
