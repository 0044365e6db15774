//! The service of webhooks: a tenant's endpoints and deliveries.

mod create_endpoint;
mod delete_endpoint;
mod delivery;
mod endpoint;
mod list_deliveries;
mod list_endpoints;
mod redeliver;
mod rotate_secret;
mod send_test;
mod update_endpoint;

use rowhouse_chassis::encryption::EncryptionKeys;
use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_proto::orders::v1::webhook_service_server::WebhookService;
use rowhouse_proto::orders::v1::{
    CreateWebhookEndpointRequest, CreateWebhookEndpointResponse, DeleteWebhookEndpointRequest,
    DeleteWebhookEndpointResponse, ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse,
    ListWebhookEndpointsRequest, ListWebhookEndpointsResponse, RedeliverWebhookDeliveryRequest,
    RedeliverWebhookDeliveryResponse, RotateWebhookSecretRequest, RotateWebhookSecretResponse,
    SendTestWebhookRequest, SendTestWebhookResponse, UpdateWebhookEndpointRequest,
    UpdateWebhookEndpointResponse,
};
use rowhouse_tenancy::TenantDb;
use tonic::Request;

use super::repeatable;
use crate::domain::Guard;

/// The dependencies of the methods.
pub(crate) struct WebhookRpc {
    pub(crate) db: TenantDb,
    pub(crate) encryption: EncryptionKeys,
    pub(crate) guard: Guard,
}

#[tonic::async_trait]
impl WebhookService for WebhookRpc {
    async fn create_webhook_endpoint(
        &self,
        request: Request<CreateWebhookEndpointRequest>,
    ) -> Reply<CreateWebhookEndpointResponse> {
        reply("webhook_endpoints.create", create_endpoint::create_endpoint(self, &request).await)
    }

    async fn list_webhook_endpoints(
        &self,
        request: Request<ListWebhookEndpointsRequest>,
    ) -> Reply<ListWebhookEndpointsResponse> {
        reply("webhook_endpoints.list", list_endpoints::list_endpoints(self, &request).await)
    }

    async fn update_webhook_endpoint(
        &self,
        request: Request<UpdateWebhookEndpointRequest>,
    ) -> Reply<UpdateWebhookEndpointResponse> {
        reply("webhook_endpoints.update", update_endpoint::update_endpoint(self, &request).await)
    }

    async fn delete_webhook_endpoint(
        &self,
        request: Request<DeleteWebhookEndpointRequest>,
    ) -> Reply<DeleteWebhookEndpointResponse> {
        reply("webhook_endpoints.delete", delete_endpoint::delete_endpoint(self, &request).await)
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<RotateWebhookSecretRequest>,
    ) -> Reply<RotateWebhookSecretResponse> {
        reply("webhook_endpoints.rotate_secret", rotate_secret::rotate_secret(self, &request).await)
    }

    async fn send_test_webhook(
        &self,
        request: Request<SendTestWebhookRequest>,
    ) -> Reply<SendTestWebhookResponse> {
        reply("webhook_endpoints.test", send_test::send_test(self, &request).await)
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<ListWebhookDeliveriesRequest>,
    ) -> Reply<ListWebhookDeliveriesResponse> {
        reply("webhook_deliveries.list", list_deliveries::list_deliveries(self, &request).await)
    }

    async fn redeliver_webhook_delivery(
        &self,
        request: Request<RedeliverWebhookDeliveryRequest>,
    ) -> Reply<RedeliverWebhookDeliveryResponse> {
        reply("webhook_deliveries.redeliver", redeliver::redeliver(self, &request).await)
    }
}
