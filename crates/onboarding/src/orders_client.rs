//! [`OrdersClient`], for calls to the orders service.

use std::time::Duration;

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::error::{Fault, fault};
use rowhouse_chassis::grpc::{TracedChannel, set_deadline};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::{SetUpTenantRequest, TearDownTenantRequest};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_tokens::{TokenError, TokenIssuer};
use tonic::Request;

/// The time limit of a call.
const LIMIT: Duration = Duration::from_secs(10);

/// Calls orders in the name of this service.
pub(crate) struct OrdersClient {
    client: OrderServiceClient<TracedChannel>,
    issuer: TokenIssuer,
}

/// The reason why a call to orders failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrdersError {
    #[error("orders answered {}", .0.code)]
    Fault(Fault),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl OrdersClient {
    pub(crate) fn new(channel: TracedChannel, issuer: TokenIssuer) -> Self {
        Self { client: OrderServiceClient::new(channel), issuer }
    }

    /// Creates the defaults of the tenant. Repeating the call has no effect.
    pub(crate) async fn set_up(&self, tenant: TenantId) -> Result<(), OrdersError> {
        let request = self.request(tenant, SetUpTenantRequest {})?;
        let answer = self.client.clone().set_up_tenant(request).await;
        answer.map(drop).map_err(|status| OrdersError::Fault(fault(&status, ERROR_CODES)))
    }

    /// Removes the defaults of the tenant. Repeating the call has no effect.
    pub(crate) async fn tear_down(&self, tenant: TenantId) -> Result<(), OrdersError> {
        let request = self.request(tenant, TearDownTenantRequest {})?;
        let answer = self.client.clone().tear_down_tenant(request).await;
        answer.map(drop).map_err(|status| OrdersError::Fault(fault(&status, ERROR_CODES)))
    }

    fn request<T>(&self, tenant: TenantId, message: T) -> Result<Request<T>, TokenError> {
        let mut request = Request::new(message);
        let token = self.issuer.service_token(ServiceName::Orders.program(), tenant.as_uuid())?;
        carry_token(request.metadata_mut(), tenant, &token);
        set_deadline(&mut request, LIMIT);
        Ok(request)
    }
}
