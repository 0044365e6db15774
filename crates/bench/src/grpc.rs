//! Measures gRPC: as many tasks as concurrent requests, each of which sends the next request after the answer.

use std::time::{Duration, Instant};

use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::{CreateOrderRequest, GetOrderRequest, ListOrdersRequest, OrderLine};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::Failure;
use crate::report::{Figures, Operation};
use crate::system::{System, Tenant};

pub(crate) async fn measure(
    system: &System,
    tenant: &Tenant,
    operation: Operation,
    concurrency: usize,
    seconds: u64,
) -> Result<Figures, Failure> {
    let client = OrderServiceClient::connect(system.endpoint("orders").to_owned()).await?;
    let bearer: MetadataValue<Ascii> = format!("Bearer {}", tenant.token).parse()?;
    let lasting = Duration::from_secs(seconds);
    let until = Instant::now() + lasting;
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let (mut client, bearer, order) = (client.clone(), bearer.clone(), tenant.order.to_string());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < until {
                    let start = Instant::now();
                    call(&mut client, &bearer, operation, &order).await?;
                    latencies.push(start.elapsed());
                }
                Ok::<_, Status>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(Figures::of(latencies, lasting).ok_or("no request was answered")?)
}

async fn call(
    client: &mut OrderServiceClient<Channel>,
    bearer: &MetadataValue<Ascii>,
    operation: Operation,
    order: &str,
) -> Result<(), Status> {
    match operation {
        Operation::Get => {
            client.get_order(request(bearer, GetOrderRequest { id: order.to_owned() })).await?;
        }
        Operation::List => {
            let list = ListOrdersRequest { page_size: 20, ..ListOrdersRequest::default() };
            client.list_orders(request(bearer, list)).await?;
        }
        Operation::Create => {
            client.create_order(request(bearer, an_order())).await?;
        }
    }
    Ok(())
}

/// Returns an order with two lines.
pub(crate) fn an_order() -> CreateOrderRequest {
    let line = |n| OrderLine { sku: format!("sku-{n}"), quantity: n, unit_price_minor: 1000 };
    CreateOrderRequest {
        customer: "Customer".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![line(1), line(2)],
        ..CreateOrderRequest::default()
    }
}

pub(crate) fn request<T>(bearer: &MetadataValue<Ascii>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", bearer.clone());
    request
}
