//! Orders over gRPC, as one tenant's administrator.

use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::{
    CreateOrderRequest, GetOrderRequest, ListOrdersRequest, Order, OrderLine, OrderStatus, UpdateOrderRequest,
};
use rowhouse_testkit::{ServiceName, Tenant, TestSystem};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

#[derive(Clone)]
pub(crate) struct Orders {
    client: OrderServiceClient<Channel>,
    token: String,
    /// The value of `x-tenant-id`, if it is sent.
    pub(crate) claimed_tenant: Option<String>,
}

impl Orders {
    pub(crate) async fn of(system: &TestSystem, tenant: &Tenant) -> Self {
        let client =
            OrderServiceClient::connect(system.endpoint(ServiceName::Orders).to_owned()).await.unwrap();
        Self { client, token: tenant.token.clone(), claimed_tenant: None }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        if let Some(tenant) = &self.claimed_tenant {
            request.metadata_mut().insert("x-tenant-id", MetadataValue::try_from(tenant).unwrap());
        }
        request
    }

    pub(crate) async fn create(&self, customer: &str) -> Result<Order, Status> {
        self.create_once(customer, None).await
    }

    /// Creates an endpoint with an idempotency key.
    pub(crate) async fn create_once(&self, customer: &str, key: Option<&str>) -> Result<Order, Status> {
        let request = self.request(CreateOrderRequest {
            customer: customer.to_owned(),
            currency: "EUR".to_owned(),
            lines: vec![OrderLine { sku: "chair".to_owned(), quantity: 2, unit_price_minor: 4_950 }],
            idempotency_key: key.map(ToOwned::to_owned),
            ..CreateOrderRequest::default()
        });
        Ok(self.client.clone().create_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Order, Status> {
        let request = self.request(GetOrderRequest { id: id.to_owned() });
        Ok(self.client.clone().get_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn list(&self) -> Result<Vec<Order>, Status> {
        let request = self.request(ListOrdersRequest { page_size: 100, ..Default::default() });
        Ok(self.client.clone().list_orders(request).await?.into_inner().orders)
    }

    pub(crate) async fn list_placed(&self) -> Result<Vec<Order>, Status> {
        let request = self.request(ListOrdersRequest {
            page_size: 100,
            status: OrderStatus::Placed.into(),
            ..Default::default()
        });
        Ok(self.client.clone().list_orders(request).await?.into_inner().orders)
    }

    pub(crate) async fn pay(&self, id: &str) -> Result<Order, Status> {
        let request = self.request(UpdateOrderRequest {
            id: id.to_owned(),
            status: OrderStatus::Paid.into(),
            etag: String::new(),
            priority: 0,
        });
        Ok(self.client.clone().update_order(request).await?.into_inner().order.unwrap())
    }
}
