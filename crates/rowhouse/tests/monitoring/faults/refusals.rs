//! Tokens, transactions and calls that fail.

use diesel_async::SimpleAsyncConnection;
use reqwest::StatusCode;
use rowhouse_chassis::grpc::{channel, set_deadline};
use rowhouse_proto::orders::v1::ListOrdersRequest;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_testkit::{ServiceName, Tenant, TestSystem};
use serde_json::json;
use std::time::Duration;
use tonic::Request;

use super::World;
use super::watch::{Series, Watch};
use crate::usage::{Client, HTTP, TRANSACTIONS};

const TOKENS: &str = "rowhouse_token_verifications_total";
/// `{"alg":"HS256","typ":"at+jwt"}`, and `{"alg":"EdDSA","typ":"at+jwt","kid":"nobody's"}`, in base64url.
const HEADERS: [&str; 2] = [
    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9",
    "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im5vYm9keSdzIn0",
];
/// An order that there is not.
const NO_ORDER: &str = "/v1/orders/01990a5d-ac96-774b-bcce-b302099a8057";

/// Sends tokens with headers that no service writes.
pub(super) async fn tokens(world: &World<'_>, tenant: &Tenant) {
    let series: [Series; 2] =
        [(TOKENS, &[("error_type", "unsupported_algorithm")]), (TOKENS, &[("error_type", "unknown_key")])];
    let client = Client(&world.system);
    let watch = Watch::begin(world.metrics, &series).await;
    let (_, signed) = tenant.token.split_once('.').unwrap();
    for header in HEADERS {
        let forged = format!("{header}.{signed}");
        assert_eq!(client.get("/v1/orders", &forged).await, StatusCode::UNAUTHORIZED, "{header}");
    }
    watch.until_grown().await;
}

/// Returns a request for the tenant's orders.
pub(super) fn list(tenant: &Tenant) -> Request<ListOrdersRequest> {
    let mut request = Request::new(ListOrdersRequest::default());
    let bearer = format!("Bearer {}", tenant.token);
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    request
}

/// Lets transactions fail in each way but for want of a connection: by a statement, by what a service finds out, and by a deadline.
pub(super) async fn transactions(world: &World<'_>, tenant: &Tenant) {
    let series: [Series; 4] = [
        (TRANSACTIONS, &[("db_operation_name", "orders.list"), ("error_type", "42P01")]),
        (HTTP, &[("http_response_status_code", "500"), ("error_type", "internal")]),
        (TRANSACTIONS, &[("db_operation_name", "orders.update"), ("error_type", "rolled_back")]),
        (TRANSACTIONS, &[("db_operation_name", "orders.list"), ("error_type", "abandoned")]),
    ];
    let (client, watch) = (Client(&world.system), Watch::begin(world.metrics, &series).await);
    let mut admin = world.system.database().admin().await;
    admin.batch_execute("ALTER TABLE orders.orders RENAME TO away").await.unwrap();
    let failed = client.get("/v1/orders", &tenant.token).await;
    assert_eq!(failed, StatusCode::INTERNAL_SERVER_ERROR);
    admin.batch_execute("ALTER TABLE orders.away RENAME TO orders").await.unwrap();

    let change = client.request(reqwest::Method::PATCH, NO_ORDER, &tenant.token);
    let missing = change.json(&json!({ "status": "paid" })).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{}", missing.text().await.unwrap());

    admin.batch_execute("BEGIN; LOCK TABLE orders.orders").await.unwrap();
    let mut orders = orders(&world.system).await;
    watch
        .until_provoked(async || {
            let mut hurried = list(tenant);
            set_deadline(&mut hurried, Duration::from_millis(500));
            assert!(orders.list_orders(hurried).await.is_err());
        })
        .await;
    admin.batch_execute("ROLLBACK").await.unwrap();
}

/// Connects to the service of the orders, past everything that sends a call again.
pub(super) async fn orders(system: &TestSystem) -> OrderServiceClient<tonic::transport::Channel> {
    OrderServiceClient::connect(system.endpoint(ServiceName::Orders).to_owned()).await.unwrap()
}

/// Calls a service of which one instance is not there.
pub(super) async fn retries(world: &World<'_>, tenant: &Tenant) {
    let series: [Series; 1] =
        [("rowhouse_rpc_retries_total", &[("rowhouse_rpc_retry_reason", "unreachable")])];
    let watch = Watch::begin(world.metrics, &series).await;
    let endpoints = format!("http://127.0.0.1:1,{}", world.system.endpoint(ServiceName::Orders));
    watch
        .until_provoked(async || {
            // A channel remembers which instance was not there.
            let mut orders = OrderServiceClient::new(channel(&endpoints).unwrap());
            orders.list_orders(list(tenant)).await.unwrap();
        })
        .await;
}
