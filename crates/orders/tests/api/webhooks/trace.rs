//! The trace of the request that a delivery follows from.

use std::sync::LazyLock;

use rowhouse_chassis::config::TelemetryArgs;
use rowhouse_chassis::telemetry::{self, Telemetry};
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::{CreateOrderRequest, OrderStatus};
use rowhouse_tokens::Role;
use tonic::Request;
use tonic::metadata::MetadataValue;

use super::{Receiver, world};
use crate::world::an_order;

/// The telemetry of the process. Without a collector nothing is recorded, and traces are passed on all the same.
static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| {
    let args = TelemetryArgs { log: "off".to_owned(), ..TelemetryArgs::default() };
    telemetry::init(&args, "rowhouse-orders").unwrap()
});

const FIRST: &str = "0af7651916cd43dd8448eb211c80319c";
const SECOND: &str = "1bf7651916cd43dd8448eb211c80319d";
/// The span of the client that places the orders.
const CLIENT: &str = "b7ad6b7169203331";

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_the_trace_of_the_request_that_it_hears_of() {
    LazyLock::force(&TELEMETRY);
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    // The first attempt of each event fails.
    let mut failed = Vec::new();
    receiver.answer(move |request| {
        if failed.iter().any(|id| id == request.id()) {
            return "200 OK".to_owned();
        }
        failed.push(request.id().to_owned());
        "500 Oops".to_owned()
    });

    let token = world.token(orders.tenant, Role::Member);
    let place = async |trace: &str| {
        let mut request = Request::new(CreateOrderRequest { customer: trace.to_owned(), ..an_order() });
        for (name, value) in
            [("authorization", format!("Bearer {token}")), ("traceparent", format!("00-{trace}-{CLIENT}-01"))]
        {
            request.metadata_mut().insert(name, MetadataValue::try_from(value).unwrap());
        }
        let mut client = OrderServiceClient::connect(world.endpoint()).await.unwrap();
        client.create_order(request).await.unwrap().into_inner().order.unwrap()
    };
    let placed = place(FIRST).await;
    place(SECOND).await;
    receiver.first(4).await;
    // A change without a trace of its caller is another trace.
    orders.update(&placed.id, OrderStatus::Paid, "").await.unwrap();

    let mut spans = vec![CLIENT.to_owned()];
    for request in receiver.first(6).await {
        let parent = request.headers.get("traceparent").unwrap_or_else(|| panic!("{request:?}"));
        let [version, trace, span, _flags] = parent.split('-').collect::<Vec<_>>()[..] else {
            panic!("{parent}")
        };
        let customer = request.json()["data"]["customer"].as_str().unwrap().to_owned();
        let is_of_its_order = trace == customer;
        assert_eq!((version, is_of_its_order), ("00", request.json()["type"] == "order.created"), "{parent}");
        // Each attempt is a span of its own.
        assert!(!spans.iter().any(|other| other == span), "{parent}");
        spans.push(span.to_owned());
    }
    world.stop().await;
}
